import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PartRange } from '../../packages/server/src/storage/blob-store.ts';
import type { S3Location } from '../../packages/server/src/storage/s3/open-s3-store.ts';
import type { S3Limits } from '../../packages/server/src/storage/s3/retry.ts';
import { collect, partRanges, randomBlobId, randomBytesOfSize, streamPart } from '../conformance/content-samples.ts';
import { type Operation, type S3Fault, type S3Proxy, startS3Proxy } from './s3-proxy.ts';
import { freshPlace, openTestStore, type TestStore, type TestStoreOptions, timeFor, whyNoS3 } from './test-store.ts';
import { begin, keepsAllOf, PART, readAll, writeAll } from './uploads.ts';

/** As patient as ever, but that silence is noticed soon. */
const ALERT: S3Limits = {
  call: { timeout: 30_000, idleTimeout: 1_000 },
  body: { timeout: 45_000, idleTimeout: 1_000 },
  complete: { timeout: 150_000, idleTimeout: timeFor(1_000) },
};
/** Gives up soon. */
const IMPATIENT: S3Limits = {
  call: { timeout: 600, idleTimeout: 300 },
  body: { timeout: 600, idleTimeout: 300 },
  complete: { timeout: 600, idleTimeout: 300 },
};

/** Of a content that is put as one. */
const PIECE = 64 * 1024;

type Trouble = Omit<S3Fault, 'operation'>;

/** What passes: whatever S3 or the way there does, the same call goes through later. */
const PASSING: Record<string, Trouble> = {
  'answers 500': { answer: { status: 500, code: 'InternalError' } },
  'answers 503 SlowDown, twice': { answer: { status: 503, code: 'SlowDown' }, times: 2 },
  'answers 503 before it has read the body': { answer: { status: 503, code: 'SlowDown', early: true } },
  'answers 400 InvalidDigest, as Garage does where bytes were damaged': {
    answer: { status: 400, code: 'InvalidDigest' },
  },
  'answers 400 RequestTimeout': { answer: { status: 400, code: 'RequestTimeout' } },
  'takes the request and never answers': { silent: true },
  'cuts the line before the answer': { cutRequestAfter: 0 },
  'cuts the answer half-way': { cutAnswerAfter: 100 },
  'does it, and the answer is lost': { loseAnswer: true },
};

describe('S3 in trouble', { skip: whyNoS3 ?? false, timeout: timeFor(240_000) }, () => {
  for (const operation of ['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'] as const) {
    for (const [trouble, fault] of Object.entries(PASSING)) {
      it(`${operation} ${trouble}: the upload ends with the right bytes`, async () => {
        await using under = await underProxy({ limits: ALERT });
        under.proxy.faults.push({ operation, ...fault });
        const upload = await begin(under.blobs);
        await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
        assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
        assert.equal(under.proxy.faults.length, 0, 'nothing went wrong');
      });
    }
  }

  for (const [trouble, fault] of Object.entries(PASSING)) {
    it(`PutObject ${trouble}: a direct upload ends with the right bytes`, async () => {
      await using under = await underProxy({ limits: ALERT });
      under.proxy.faults.push({ operation: 'PutObject', ...fault });
      const [blob, bytes] = [randomBlobId(), randomBytesOfSize(PART + 1)];
      await under.blobs.put(blob, streamPart(bytes, whole(bytes)));
      assert.deepEqual(new Uint8Array(Buffer.concat(await collect(await under.blobs.read(blob)))), bytes);
      assert.equal(under.proxy.faults.length, 0, 'nothing went wrong');
    });
  }

  it('a part that is cut on its way goes through whole at the next try', async () => {
    await using under = await underProxy();
    const upload = await begin(under.blobs);
    for (const bytes of [1, PART / 2, PART - 1]) {
      under.proxy.faults.push({ operation: 'UploadPart', cutRequestAfter: bytes });
    }
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
    assert.equal(under.proxy.faults.length, 0);
  });

  it('a commit of which S3 says 200 with an error inside is tried again', async () => {
    await using under = await underProxy();
    under.proxy.faults.push({ operation: 'CompleteMultipartUpload', answer: { status: 200, code: 'InternalError' } });
    const upload = await begin(under.blobs);
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
    assert.equal(count(under.proxy, 'CompleteMultipartUpload'), 2);
  });

  it('parts go through once S3 is back that refused connections for seconds', async () => {
    await using under = await underProxy();
    const upload = await begin(under.blobs);
    await under.proxy.refuse();
    const writing = writeAll(under.blobs, upload);
    await sleep(2_000);
    await under.proxy.accept();
    await under.blobs.complete(upload.staged, await writing);
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
  });

  it('while S3 stays away every call is refused as unavailable, in bounded time, and nothing stays in the spool', async () => {
    await using under = await underProxy({ limits: IMPATIENT });
    const begun = await openTestStore({ place: under.place });
    const upload = await begin(begun.blobs);
    begun.end();
    const range = partRanges(upload.staged.layout)[0] as PartRange;
    await under.proxy.refuse();
    const unavailable = { code: 'unavailable', retryAfterSeconds: 5, message: /send this again later/ };
    const blob = randomBlobId();
    for (const call of [
      () => under.blobs.create(blob, upload.staged.layout),
      () => under.blobs.writePart(upload.staged, range, streamPart(upload.bytes, range)),
      () => under.blobs.complete(upload.staged, ['x', 'x', 'x', 'x']),
      () => under.blobs.put(blob, streamPart(upload.bytes, whole(upload.bytes))),
      () => under.blobs.read(blob),
      () => under.blobs.remove(blob),
    ]) {
      await assert.rejects(call(), unavailable);
    }
    assert.equal(under.spool.reserved, 0);
    await under.proxy.accept();
    // S3 may be slow, and this one is told not to wait.
    const patient = await openTestStore({ place: under.place });
    await patient.blobs.complete(upload.staged, await writeAll(patient.blobs, upload));
    assert.deepEqual(await readAll(patient.blobs, upload), upload.bytes);
    patient.end();
  });

  it('a right that is missing is not asked for again: the error says what to do, and holds no key', async () => {
    await using under = await underProxy();
    const upload = await begin(under.blobs);
    const range = partRanges(upload.staged.layout)[0] as PartRange;
    under.proxy.faults.push({ operation: 'UploadPart', answer: { status: 403, code: 'AccessDenied' } });
    await assert.rejects(
      under.blobs.writePart(upload.staged, range, streamPart(upload.bytes, range)),
      (error: Error) => {
        assert.match(error.message, /UploadPart: AccessDenied, 403.*docs\/operate\/s3.md lists/);
        assert.ok(!JSON.stringify({ ...error, stack: error.stack }).includes(process.env.AWS_ACCESS_KEY_ID ?? ''));
        return true;
      },
    );
    assert.equal(count(under.proxy, 'UploadPart'), 1);
    assert.equal(under.spool.reserved, 0);
  });

  it('a part whose bytes were changed on their way is refused by S3 and sent again from the spool', async () => {
    await using under = await underProxy();
    const upload = await begin(under.blobs);
    under.proxy.faults.push({ operation: 'UploadPart', flipByte: PART / 2 });
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
    assert.equal(count(under.proxy, 'UploadPart'), 5);
  });

  it('S3 sees no byte of a part before all of it has come and is right', async () => {
    await using under = await underProxy();
    const upload = await begin(under.blobs);
    const range = partRanges(upload.staged.layout)[0] as PartRange;
    async function* wrong(): AsyncGenerator<Uint8Array> {
      yield* streamPart(upload.bytes, range);
      await sleep(50);
      assert.equal(count(under.proxy, 'UploadPart'), 0);
      throw new Error('the digest is another');
    }
    await assert.rejects(under.blobs.writePart(upload.staged, range, wrong()), /the digest is another/);
    assert.equal(count(under.proxy, 'UploadPart'), 0);
    assert.equal(under.spool.reserved, 0);
  });

  it('a removal while a part is on its way takes the upload; the part is refused by name, and nothing stays', async () => {
    await using under = await underProxy();
    const upload = await begin(under.blobs);
    const range = partRanges(upload.staged.layout)[0] as PartRange;
    const half = Promise.withResolvers<void>();
    const removed = Promise.withResolvers<void>();
    const holdAfter = { bytes: PART / 2, reached: half.resolve, until: removed.promise };
    under.proxy.faults.push({ operation: 'UploadPart', holdAfter });
    const writing = under.blobs.writePart(upload.staged, range, streamPart(upload.bytes, range));
    writing.catch(() => {});
    await half.promise;
    await under.blobs.remove(upload.staged);
    removed.resolve();
    await assert.rejects(writing, { code: 'blob-not-found' });
    // What the sweep does with what it finds; Ceph leaves nothing, AWS may list the upload again.
    for await (const { blob } of under.blobs.list()) await under.blobs.remove(blob);
    assert.deepEqual(await collect(under.blobs.list()), []);
  });

  it('a part that is lost is found out also where S3 has said 200 before it looked', async (t) => {
    await using under = await underProxy({ limits: { ...ALERT, complete: { timeout: 3_000, idleTimeout: 1_000 } } });
    const upload = await begin(under.blobs);
    const receipts = await writeAll(under.blobs, upload);
    const range = partRanges(upload.staged.layout)[1] as PartRange;
    await under.blobs.writePart(upload.staged, range, streamPart(randomBytesOfSize(4 * PART).fill(1), range));
    if (await keepsAllOf(under.place.prefix, upload, 2)) return t.skip('this store loses no part that is written over');
    under.proxy.faults.push({
      operation: 'CompleteMultipartUpload',
      answer: { status: 200, code: 'InvalidPart' },
      times: 100,
    });
    await assert.rejects(under.blobs.complete(upload.staged, receipts), { name: 'LostPartsError', parts: [1] });
  });

  it('a seal that is refused for its parts, since another call has just sealed them, has sealed', async () => {
    await using under = await underProxy();
    const upload = await begin(under.blobs);
    const receipts = await writeAll(under.blobs, upload);
    await under.blobs.complete(upload.staged, receipts);
    under.proxy.faults.push({ operation: 'CompleteMultipartUpload', answer: { status: 400, code: 'InvalidPart' } });
    await under.blobs.complete(upload.staged, receipts);
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
    assert.equal(under.proxy.faults.length, 0, 'nothing went wrong');
  });

  it('a seal is waited for that is under way unheard, where the upload has gone before its object is there', async () => {
    await using under = await underProxy({ limits: { ...ALERT, complete: { timeout: 20_000, idleTimeout: 10_000 } } });
    const upload = await begin(under.blobs);
    const receipts = await writeAll(under.blobs, upload);
    under.proxy.faults.push(
      { operation: 'CompleteMultipartUpload', loseAnswer: true },
      { operation: 'ListParts', answer: { status: 404, code: 'NoSuchUpload' } },
      { operation: 'HeadObject', answer: { status: 404, code: 'NoSuchKey' }, times: 2 },
    );
    await under.blobs.complete(upload.staged, receipts);
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
    assert.equal(under.proxy.faults.length, 0, 'nothing went wrong');
  });

  it('a long direct upload is stored, though its seal was done unheard and S3 knows of no such upload after that', async () => {
    await using under = await underProxy({
      spoolSize: 2 * PART,
      limits: { ...ALERT, call: { timeout: 4_000, idleTimeout: 2_000 } },
    });
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(5 * PART)];
    under.proxy.faults.push(
      { operation: 'CompleteMultipartUpload', loseAnswer: true },
      // Nobody can be asked meanwhile what has come of it.
      { operation: 'ListParts', answer: { status: 503, code: 'SlowDown' }, times: 100 },
      { operation: 'CompleteMultipartUpload', answer: { status: 404, code: 'NoSuchUpload' } },
    );
    await under.blobs.put(blob, streamPart(bytes, whole(bytes)));
    assert.deepEqual(new Uint8Array(Buffer.concat(await collect(await under.blobs.read(blob)))), bytes);
    assert.equal(count(under.proxy, 'CompleteMultipartUpload'), 2);
  });

  it('of an upload that was begun twice, for the first answer was lost, only the one with an id stays', async () => {
    await using under = await underProxy();
    under.proxy.faults.push({ operation: 'CreateMultipartUpload', loseAnswer: true });
    const upload = await begin(under.blobs);
    assert.deepEqual(await kinds(under), ['staged']);
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    // Nobody would ever look for another one: the key is named by then.
    assert.deepEqual(await kinds(under), ['complete']);
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
  });

  it('an upload that was begun twice is an upload, though S3 does not say which ones there are', async () => {
    await using under = await underProxy();
    under.proxy.faults.push(
      { operation: 'CreateMultipartUpload', loseAnswer: true },
      { operation: 'ListMultipartUploads', answer: { status: 403, code: 'AccessDenied' } },
    );
    const upload = await begin(under.blobs);
    assert.deepEqual(await kinds(under), ['staged', 'staged']);
    await under.blobs.remove(upload.staged);
    // The other one is found by its content, of which no row knows any more.
    assert.deepEqual(await kinds(under), ['staged']);
    await under.blobs.remove(upload.staged.blob);
    assert.deepEqual(await kinds(under), []);
  });
});

describe('a reading from S3', { skip: whyNoS3 ?? false, timeout: timeFor(60_000) }, () => {
  it('goes on where it broke off, however often, as long as it gets on', async () => {
    await using under = await underProxy({ limits: ALERT });
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(40 * PIECE)];
    await under.blobs.put(blob, streamPart(bytes, whole(bytes)));
    for (let n = 0; n < 20; n += 1) under.proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: PIECE + n });
    const read = Buffer.concat(await collect(await under.blobs.read(blob)));
    assert.deepEqual(new Uint8Array(read), bytes);
    assert.equal(under.proxy.faults.length, 0);
    for (let n = 0; n < 3; n += 1) under.proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: PIECE });
    const range = { first: 5, last: 7 * PIECE };
    const some = Buffer.concat(await collect(await under.blobs.read(blob, range)));
    assert.deepEqual(new Uint8Array(some), bytes.subarray(5, 7 * PIECE + 1));
  });

  it('fails when it gets on no more, and does not try for ever', async () => {
    await using under = await underProxy();
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(4 * PIECE)];
    await under.blobs.put(blob, streamPart(bytes, whole(bytes)));
    under.proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: PIECE });
    under.proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: 0, times: 100 });
    const reading = await under.blobs.read(blob);
    await assert.rejects(collect(reading), { code: 'unavailable' });
    assert.equal(count(under.proxy, 'GetObject'), 1 + 5);
  });

  it('fails where S3, or a cache before it, gives other bytes than the range that was asked for', async () => {
    await using under = await underProxy();
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(4 * PIECE)];
    await under.blobs.put(blob, streamPart(bytes, whole(bytes)));
    under.proxy.faults.push({ operation: 'GetObject', serve: bytes });
    await assert.rejects(under.blobs.read(blob, { first: 5, last: PIECE }), /another range/);
    under.proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: PIECE });
    under.proxy.faults.push({ operation: 'GetObject', serve: bytes });
    await assert.rejects(collect(await under.blobs.read(blob)), /another range/);
  });

  it('ends its request at S3 when its reader stops', async () => {
    await using under = await underProxy();
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(100 * PIECE)];
    await under.blobs.put(blob, streamPart(bytes, whole(bytes)));
    for await (const _ of await under.blobs.read(blob)) break;
    assert.equal(count(under.proxy, 'GetObject'), 1);
  });
});

type UnderProxy = TestStore & { proxy: S3Proxy; place: S3Location } & AsyncDisposable;

async function underProxy(options: TestStoreOptions = {}): Promise<UnderProxy> {
  const proxy = await startS3Proxy();
  const place = freshPlace(proxy.url);
  const store = await openTestStore({ place, ...options });
  proxy.calls.length = 0;
  return {
    ...store,
    proxy,
    place,
    async [Symbol.asyncDispose]() {
      store.end();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

async function kinds({ blobs }: TestStore): Promise<string[]> {
  return (await collect(blobs.list())).map(({ kind }) => kind);
}

function count({ calls }: S3Proxy, operation: Operation): number {
  return calls.filter((call) => call === operation).length;
}

function whole(bytes: Uint8Array): PartRange {
  return { index: 0, offset: 0, length: bytes.length };
}
