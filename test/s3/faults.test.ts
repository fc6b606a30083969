import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PartRange } from '../../packages/server/src/storage/blob-store.ts';
import type { S3Location } from '../../packages/server/src/storage/s3/open-s3-store.ts';
import type { S3Limits } from '../../packages/server/src/storage/s3/retry.ts';
import { collect, partRanges, randomBlobId, randomBytesOfSize, streamPart } from '../conformance/blob-samples.ts';
import { type Operation, type S3Fault, type S3Proxy, startS3Proxy } from './s3-proxy.ts';
import { newLocation, openTestStore, type TestStore, type TestStoreOptions, timeFor, whyNoS3 } from './test-store.ts';
import { createStaged, keepsEarlierParts, PART, readAll, writeAll } from './uploads.ts';

/** The default limits, but inactivity is detected sooner. */
const SHORT_IDLE_LIMITS: S3Limits = {
  call: { timeout: 30_000, idleTimeout: 1_000 },
  body: { timeout: 45_000, idleTimeout: 1_000 },
  complete: { timeout: 150_000, idleTimeout: timeFor(1_000) },
};
/** Gives up soon. */
const SHORT_LIMITS: S3Limits = {
  call: { timeout: 600, idleTimeout: 300 },
  body: { timeout: 600, idleTimeout: 300 },
  complete: { timeout: 600, idleTimeout: 300 },
};

/** The chunk size of a blob stored in one call. */
const CHUNK = 64 * 1024;

type FaultSettings = Omit<S3Fault, 'operation'>;

/** Temporary faults of S3 or the connection: the same call succeeds later. */
const TEMPORARY: Record<string, FaultSettings> = {
  'responds 500': { sendError: { status: 500, code: 'InternalError' } },
  'responds 503 SlowDown twice': { sendError: { status: 503, code: 'SlowDown' }, times: 2 },
  'responds 503 before it has read the body': { sendError: { status: 503, code: 'SlowDown', early: true } },
  'responds 400 InvalidDigest, as Garage does for damaged bytes': {
    sendError: { status: 400, code: 'InvalidDigest' },
  },
  'responds 400 RequestTimeout': { sendError: { status: 400, code: 'RequestTimeout' } },
  'accepts the request and never responds': { silent: true },
  'cuts the connection before the response': { cutRequestAfter: 0 },
  'cuts the response halfway': { cutAnswerAfter: 100 },
  'succeeds, and the response is lost': { loseResponse: true },
};

describe('errors of S3', { skip: whyNoS3 ?? false, timeout: timeFor(240_000) }, () => {
  for (const operation of ['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'] as const) {
    for (const [trouble, fault] of Object.entries(TEMPORARY)) {
      it(`${operation} ${trouble}: the upload succeeds with the right bytes`, async () => {
        await using under = await openBehindProxy({ limits: SHORT_IDLE_LIMITS });
        under.proxy.faults.push({ operation, ...fault });
        const upload = await createStaged(under.blobs);
        await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
        assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
        assert.equal(under.proxy.faults.length, 0, 'no fault occurred');
      });
    }
  }

  for (const [trouble, fault] of Object.entries(TEMPORARY)) {
    it(`PutObject ${trouble}: a direct upload succeeds with the right bytes`, async () => {
      await using under = await openBehindProxy({ limits: SHORT_IDLE_LIMITS });
      under.proxy.faults.push({ operation: 'PutObject', ...fault });
      const [blob, bytes] = [randomBlobId(), randomBytesOfSize(PART + 1)];
      await under.blobs.put(blob, streamPart(bytes, fullRange(bytes)));
      assert.deepEqual(new Uint8Array(Buffer.concat(await collect(await under.blobs.read(blob)))), bytes);
      assert.equal(under.proxy.faults.length, 0, 'no fault occurred');
    });
  }

  it('a part whose request is cut succeeds at the next try', async () => {
    await using under = await openBehindProxy();
    const upload = await createStaged(under.blobs);
    for (const bytes of [1, PART / 2, PART - 1]) {
      under.proxy.faults.push({ operation: 'UploadPart', cutRequestAfter: bytes });
    }
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
    assert.equal(under.proxy.faults.length, 0);
  });

  it('a commit that gets 200 with an error in its body is retried', async () => {
    await using under = await openBehindProxy();
    under.proxy.faults.push({
      operation: 'CompleteMultipartUpload',
      sendError: { status: 200, code: 'InternalError' },
    });
    const upload = await createStaged(under.blobs);
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
    assert.equal(countCalls(under.proxy, 'CompleteMultipartUpload'), 2);
  });

  it('parts succeed when an S3 store that refused connections for seconds is back', async () => {
    await using under = await openBehindProxy();
    const upload = await createStaged(under.blobs);
    await under.proxy.refuse();
    const writing = writeAll(under.blobs, upload);
    await sleep(2_000);
    await under.proxy.accept();
    await under.blobs.complete(upload.staged, await writing);
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
  });

  it('while S3 is unreachable, every call is unavailable after a limited time, and nothing stays in the spool', async () => {
    await using under = await openBehindProxy({ limits: SHORT_LIMITS });
    const begun = await openTestStore({ place: under.place });
    const upload = await createStaged(begun.blobs);
    begun.end();
    const range = partRanges(upload.staged.layout)[0] as PartRange;
    await under.proxy.refuse();
    const unavailable = { code: 'unavailable', retryAfterSeconds: 5, message: /Try again later/ };
    const blob = randomBlobId();
    for (const call of [
      () => under.blobs.create(blob, upload.staged.layout),
      () => under.blobs.writePart(upload.staged, range, streamPart(upload.bytes, range)),
      () => under.blobs.complete(upload.staged, ['x', 'x', 'x', 'x']),
      () => under.blobs.put(blob, streamPart(upload.bytes, fullRange(upload.bytes))),
      () => under.blobs.read(blob),
      () => under.blobs.remove(blob),
    ]) {
      await assert.rejects(call(), unavailable);
    }
    assert.equal(under.spool.reserved, 0);
    await under.proxy.accept();
    // S3 may be slow, and this client is configured not to wait.
    const patient = await openTestStore({ place: under.place });
    await patient.blobs.complete(upload.staged, await writeAll(patient.blobs, upload));
    assert.deepEqual(await readAll(patient.blobs, upload), upload.bytes);
    patient.end();
  });

  it('a missing permission is not retried: the error says what to do, and has no key', async () => {
    await using under = await openBehindProxy();
    const upload = await createStaged(under.blobs);
    const range = partRanges(upload.staged.layout)[0] as PartRange;
    under.proxy.faults.push({ operation: 'UploadPart', sendError: { status: 403, code: 'AccessDenied' } });
    await assert.rejects(
      under.blobs.writePart(upload.staged, range, streamPart(upload.bytes, range)),
      (error: Error) => {
        assert.match(
          error.message,
          /UploadPart failed: AccessDenied, 403\. The credentials lack a permission\. docs\/operate\/s3.md lists/,
        );
        assert.ok(!JSON.stringify({ ...error, stack: error.stack }).includes(process.env.AWS_ACCESS_KEY_ID ?? ''));
        return true;
      },
    );
    assert.equal(countCalls(under.proxy, 'UploadPart'), 1);
    assert.equal(under.spool.reserved, 0);
  });

  it('a part whose bytes were changed in transit is rejected by S3 and sent again from the spool', async () => {
    await using under = await openBehindProxy();
    const upload = await createStaged(under.blobs);
    under.proxy.faults.push({ operation: 'UploadPart', flipByte: PART / 2 });
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
    assert.equal(countCalls(under.proxy, 'UploadPart'), 5);
  });

  it('S3 gets no byte of a part before the complete part is verified', async () => {
    await using under = await openBehindProxy();
    const upload = await createStaged(under.blobs);
    const range = partRanges(upload.staged.layout)[0] as PartRange;
    async function* wrong(): AsyncGenerator<Uint8Array> {
      yield* streamPart(upload.bytes, range);
      await sleep(50);
      assert.equal(countCalls(under.proxy, 'UploadPart'), 0);
      throw new Error('the digest is another');
    }
    await assert.rejects(under.blobs.writePart(upload.staged, range, wrong()), /the digest is another/);
    assert.equal(countCalls(under.proxy, 'UploadPart'), 0);
    assert.equal(under.spool.reserved, 0);
  });

  it('a removal during a part removes the upload; the part fails with blob-not-found, and nothing is left', async () => {
    await using under = await openBehindProxy();
    const upload = await createStaged(under.blobs);
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
    // What garbage collection does with what it finds; Ceph leaves nothing, AWS may list the upload again.
    for await (const { blob } of under.blobs.list()) await under.blobs.remove(blob);
    assert.deepEqual(await collect(under.blobs.list()), []);
  });

  it('a lost part is detected even if S3 responded 200 before it checked', async (t) => {
    await using under = await openBehindProxy({
      limits: { ...SHORT_IDLE_LIMITS, complete: { timeout: 3_000, idleTimeout: 1_000 } },
    });
    const upload = await createStaged(under.blobs);
    const receipts = await writeAll(under.blobs, upload);
    const range = partRanges(upload.staged.layout)[1] as PartRange;
    await under.blobs.writePart(upload.staged, range, streamPart(randomBytesOfSize(4 * PART).fill(1), range));
    if (await keepsEarlierParts(under.place.prefix, upload, 2))
      return t.skip('this store loses no part that is written over');
    under.proxy.faults.push({
      operation: 'CompleteMultipartUpload',
      sendError: { status: 200, code: 'InvalidPart' },
      times: 100,
    });
    await assert.rejects(under.blobs.complete(upload.staged, receipts), { name: 'LostPartsError', parts: [1] });
  });

  it('completing succeeds if S3 rejects the parts because another call has just completed them', async () => {
    await using under = await openBehindProxy();
    const upload = await createStaged(under.blobs);
    const receipts = await writeAll(under.blobs, upload);
    await under.blobs.complete(upload.staged, receipts);
    under.proxy.faults.push({ operation: 'CompleteMultipartUpload', sendError: { status: 400, code: 'InvalidPart' } });
    await under.blobs.complete(upload.staged, receipts);
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
    assert.equal(under.proxy.faults.length, 0, 'no fault occurred');
  });

  it('a completion whose response was lost is waited for if the upload is gone before its object exists', async () => {
    await using under = await openBehindProxy({
      limits: { ...SHORT_IDLE_LIMITS, complete: { timeout: 20_000, idleTimeout: 10_000 } },
    });
    const upload = await createStaged(under.blobs);
    const receipts = await writeAll(under.blobs, upload);
    under.proxy.faults.push(
      { operation: 'CompleteMultipartUpload', loseResponse: true },
      { operation: 'ListParts', sendError: { status: 404, code: 'NoSuchUpload' } },
      { operation: 'HeadObject', sendError: { status: 404, code: 'NoSuchKey' }, times: 2 },
    );
    await under.blobs.complete(upload.staged, receipts);
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
    assert.equal(under.proxy.faults.length, 0, 'no fault occurred');
  });

  it('a large direct upload is stored although the response of its completion was lost and S3 no longer knows the upload', async () => {
    await using under = await openBehindProxy({
      spoolSize: 2 * PART,
      limits: { ...SHORT_IDLE_LIMITS, call: { timeout: 4_000, idleTimeout: 2_000 } },
    });
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(5 * PART)];
    under.proxy.faults.push(
      { operation: 'CompleteMultipartUpload', loseResponse: true },
      // In the meantime, the result cannot be checked.
      { operation: 'ListParts', sendError: { status: 503, code: 'SlowDown' }, times: 100 },
      { operation: 'CompleteMultipartUpload', sendError: { status: 404, code: 'NoSuchUpload' } },
    );
    await under.blobs.put(blob, streamPart(bytes, fullRange(bytes)));
    assert.deepEqual(new Uint8Array(Buffer.concat(await collect(await under.blobs.read(blob)))), bytes);
    assert.equal(countCalls(under.proxy, 'CompleteMultipartUpload'), 2);
  });

  it('of an upload that was created twice because the first response was lost, only the one with a known ID is kept', async () => {
    await using under = await openBehindProxy();
    under.proxy.faults.push({ operation: 'CreateMultipartUpload', loseResponse: true });
    const upload = await createStaged(under.blobs);
    assert.deepEqual(await listKinds(under), ['staged']);
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    // Nothing would ever find another one, because its key is referenced by then.
    assert.deepEqual(await listKinds(under), ['complete']);
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
  });

  it('an upload that was created twice works although S3 does not list the uploads', async () => {
    await using under = await openBehindProxy();
    under.proxy.faults.push(
      { operation: 'CreateMultipartUpload', loseResponse: true },
      { operation: 'ListMultipartUploads', sendError: { status: 403, code: 'AccessDenied' } },
    );
    const upload = await createStaged(under.blobs);
    assert.deepEqual(await listKinds(under), ['staged', 'staged']);
    await under.blobs.remove(upload.staged);
    // The other one is found through its blob, which no row references any longer.
    assert.deepEqual(await listKinds(under), ['staged']);
    await under.blobs.remove(upload.staged.blob);
    assert.deepEqual(await listKinds(under), []);
  });
});

describe('reading from S3', { skip: whyNoS3 ?? false, timeout: timeFor(60_000) }, () => {
  it('continues after each interruption, as long as it makes progress', async () => {
    await using under = await openBehindProxy({ limits: SHORT_IDLE_LIMITS });
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(40 * CHUNK)];
    await under.blobs.put(blob, streamPart(bytes, fullRange(bytes)));
    for (let n = 0; n < 20; n += 1) under.proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: CHUNK + n });
    const read = Buffer.concat(await collect(await under.blobs.read(blob)));
    assert.deepEqual(new Uint8Array(read), bytes);
    assert.equal(under.proxy.faults.length, 0);
    for (let n = 0; n < 3; n += 1) under.proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: CHUNK });
    const range = { first: 5, last: 7 * CHUNK };
    const some = Buffer.concat(await collect(await under.blobs.read(blob, range)));
    assert.deepEqual(new Uint8Array(some), bytes.subarray(5, 7 * CHUNK + 1));
  });

  it('fails when it makes no progress, and does not retry forever', async () => {
    await using under = await openBehindProxy();
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(4 * CHUNK)];
    await under.blobs.put(blob, streamPart(bytes, fullRange(bytes)));
    under.proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: CHUNK });
    under.proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: 0, times: 100 });
    const reading = await under.blobs.read(blob);
    await assert.rejects(collect(reading), { code: 'unavailable' });
    assert.equal(countCalls(under.proxy, 'GetObject'), 1 + 5);
  });

  it('fails if S3, or a cache in front of it, returns another range than the requested one', async () => {
    await using under = await openBehindProxy();
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(4 * CHUNK)];
    await under.blobs.put(blob, streamPart(bytes, fullRange(bytes)));
    under.proxy.faults.push({ operation: 'GetObject', serve: bytes });
    await assert.rejects(under.blobs.read(blob, { first: 5, last: CHUNK }), /another range/);
    under.proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: CHUNK });
    under.proxy.faults.push({ operation: 'GetObject', serve: bytes });
    await assert.rejects(collect(await under.blobs.read(blob)), /another range/);
  });

  it('ends its request to S3 when its reader stops', async () => {
    await using under = await openBehindProxy();
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(100 * CHUNK)];
    await under.blobs.put(blob, streamPart(bytes, fullRange(bytes)));
    for await (const _ of await under.blobs.read(blob)) break;
    assert.equal(countCalls(under.proxy, 'GetObject'), 1);
  });
});

type StoreBehindProxy = TestStore & { proxy: S3Proxy; place: S3Location } & AsyncDisposable;

async function openBehindProxy(options: TestStoreOptions = {}): Promise<StoreBehindProxy> {
  const proxy = await startS3Proxy();
  const place = newLocation(proxy.url);
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

async function listKinds({ blobs }: TestStore): Promise<string[]> {
  return (await collect(blobs.list())).map(({ kind }) => kind);
}

function countCalls({ calls }: S3Proxy, operation: Operation): number {
  return calls.filter((call) => call === operation).length;
}

function fullRange(bytes: Uint8Array): PartRange {
  return { index: 0, offset: 0, length: bytes.length };
}
