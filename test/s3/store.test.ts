import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import { LostPartsError, type PartRange } from '../../packages/server/src/storage/blob-store.ts';
import {
  collect,
  partLayout,
  partRanges,
  randomBlobId,
  randomBytesOfSize,
  streamPart,
} from '../conformance/content-samples.ts';
import { startS3Proxy } from './s3-proxy.ts';
import {
  freshPlace,
  LEAST_PART,
  newTestClient,
  openTestStore,
  s3Url,
  TEST_BUCKET,
  type TestStore,
  timeFor,
  whyNoS3,
} from './test-store.ts';
import { begin, keepsAllOf, PART, readAll, type Upload, writeAll } from './uploads.ts';

const SMALL_PARTS_ONLY = LEAST_PART > 1024 && 'a thousand parts as big as this store wants them are 8 GiB';

describe('the S3 store', { skip: whyNoS3 ?? false, timeout: timeFor(240_000) }, () => {
  it('makes an object of each content that any S3 tool finds under its id', async () => {
    await using under = await opened();
    const upload = await begin(under.blobs);
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    const client = newTestClient();
    const Key = `${under.prefix}/blobs/${upload.staged.blob}`;
    const { Body } = await client.send(new GetObjectCommand({ Bucket: TEST_BUCKET, Key }));
    assert.deepEqual(await Body?.transformToByteArray(), upload.bytes);
    client.destroy();
  });

  it('asks S3 once to begin, once for each part and once to seal', async () => {
    await using proxy = await startS3Proxy();
    await using under = await opened(proxy.url);
    proxy.calls.length = 0;
    const upload = await begin(under.blobs, 8 * PART);
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    const calls = Map.groupBy(proxy.calls, (call) => call);
    assert.deepEqual(
      new Map([...calls].map(([call, { length }]) => [call, length])),
      new Map([
        ['CreateMultipartUpload', 1],
        ['UploadPart', 8],
        ['CompleteMultipartUpload', 1],
      ]),
    );
    proxy.calls.length = 0;
    await readAll(under.blobs, upload);
    await under.blobs.remove(upload.staged.blob);
    assert.deepEqual(proxy.calls, ['GetObject', 'ListMultipartUploads', 'DeleteObject']);
    proxy.calls.length = 0;
    const small = randomBytesOfSize(100);
    await under.blobs.put(randomBlobId(), streamPart(small, { index: 0, offset: 0, length: small.length }));
    assert.deepEqual(proxy.calls, ['PutObject']);
    proxy.calls.length = 0;
    await under.blobs.remove((await begin(under.blobs)).staged);
    assert.deepEqual(proxy.calls, ['CreateMultipartUpload', 'AbortMultipartUpload', 'DeleteObject']);
  });

  it('names the slots that S3 no longer holds as they were written; written again, the upload is sealed', async () => {
    await using under = await opened();
    const upload = await begin(under.blobs);
    const receipts = await writeAll(under.blobs, upload);
    // As a request does that was given up, and came through when the slot had been written anew.
    await overwrite(under.prefix, upload, 2, randomBytesOfSize(PART));
    if (await keepsAllOf(under.prefix, upload, 2)) {
      await under.blobs.complete(upload.staged, receipts);
      assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
      return;
    }
    await assert.rejects(under.blobs.complete(upload.staged, receipts), (error) => {
      assert.ok(error instanceof LostPartsError);
      assert.deepEqual(error.parts, [1]);
      return true;
    });
    await assert.rejects(under.blobs.read(upload.staged.blob));
    const range = partRanges(upload.staged.layout)[1] as PartRange;
    receipts[1] = await under.blobs.writePart(upload.staged, range, streamPart(upload.bytes, range));
    await under.blobs.complete(upload.staged, receipts);
    assert.deepEqual(await readAll(under.blobs, upload), upload.bytes);
  });

  it('takes an upload that is sealed already as it is, whatever the receipts: who publishes has to know of which parts', async () => {
    await using under = await opened();
    const upload = await begin(under.blobs);
    const before = await writeAll(under.blobs, upload);
    const changed = { ...upload, bytes: upload.bytes.map((byte) => byte ^ 1) };
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, changed));
    await under.blobs.complete(upload.staged, before);
    assert.deepEqual(await readAll(under.blobs, upload), changed.bytes);
  });

  it('names no slot as lost of which S3 lists what was written and something else besides', async () => {
    await using proxy = await startS3Proxy();
    await using under = await opened(proxy.url);
    const upload = await begin(under.blobs);
    const receipts = await writeAll(under.blobs, upload);
    const others = 'another';
    const listed = [receipts[0], others, others, receipts[2], receipts[3]];
    const numbers = [1, 1, 2, 3, 4];
    const parts = numbers.map((n, at) => `<Part><PartNumber>${n}</PartNumber><ETag>${listed[at]}</ETag></Part>`);
    proxy.faults.push(
      { operation: 'CompleteMultipartUpload', answer: { status: 400, code: 'InvalidPart' } },
      { operation: 'ListParts', serve: Buffer.from(`<ListPartsResult>${parts.join('')}</ListPartsResult>`) },
    );
    await assert.rejects(under.blobs.complete(upload.staged, receipts), { name: 'LostPartsError', parts: [1] });
  });

  it('reads lists that are longer than a page: of objects and of uploads', async () => {
    await using proxy = await startS3Proxy();
    await using under = await opened(proxy.url);
    const client = newTestClient();
    const [objects, uploads] = [idsOf(1_003), idsOf(1_003)];
    const Bucket = TEST_BUCKET;
    await sideBySide(objects, async (id) => {
      await client.send(new PutObjectCommand({ Bucket, Key: `${under.prefix}/blobs/${id}`, Body: 'x' }));
    });
    await sideBySide(uploads, async (id) => {
      await client.send(new CreateMultipartUploadCommand({ Bucket, Key: `${under.prefix}/blobs/${id}` }));
    });
    const Prefix = `${under.prefix}/blobs/`;
    const first = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }));
    const marked = first.IsTruncated === true && first.NextUploadIdMarker !== undefined;
    client.destroy();
    async function lists(): Promise<void> {
      const found = await collect(under.blobs.list());
      const of = (kind: string) => found.filter((each) => each.kind === kind).map(({ blob }) => blob);
      assert.deepEqual(of('complete').toSorted(), objects.toSorted());
      // One may be met twice.
      assert.deepEqual([...new Set(of('staged'))].toSorted(), uploads.toSorted());
    }
    await lists();
    // Where the upload that the page before ended with is not known, or no more.
    const answer = { status: 400, code: 'InvalidArgument' };
    proxy.faults.push({ operation: 'ListMultipartUploads', having: 'upload-id-marker', answer });
    await lists();
    // SeaweedFS has room for all on one page, and Garage tells the key alone.
    assert.equal(proxy.faults.length, marked ? 0 : 1);
  });

  it('reads a list of parts that is longer than a page', { skip: SMALL_PARTS_ONLY }, async (t) => {
    await using under = await opened();
    const size = 1_003 * 1024;
    const staged = await under.blobs.create(randomBlobId(), partLayout(size, 1024));
    const upload = { staged, bytes: randomBytesOfSize(size) };
    const receipts: string[] = [];
    await sideBySide(partRanges(staged.layout), async (range) => {
      receipts[range.index] = await under.blobs.writePart(staged, range, streamPart(upload.bytes, range));
    });
    await overwrite(under.prefix, upload, 1_002, randomBytesOfSize(1024));
    if (await keepsAllOf(under.prefix, upload, 1_002)) return t.skip('this store loses no part that is written over');
    await assert.rejects(under.blobs.complete(staged, receipts), { parts: [1_001] });
  });

  it('says of an upload when its last part came, and of one that has just gone that it is not old', async () => {
    await using under = await opened();
    const { staged, bytes } = await begin(under.blobs);
    const [first] = partRanges(staged.layout);
    assert.ok(first);
    const [begun] = await collect(under.blobs.list());
    assert.equal(await begun?.lastWrite?.(), begun?.modifiedAt);
    // S3 counts whole seconds.
    await sleep(1_100);
    await under.blobs.writePart(staged, first, streamPart(bytes, first));
    const [written] = await collect(under.blobs.list());
    assert.equal(written?.modifiedAt, begun?.modifiedAt);
    assert.ok(((await written?.lastWrite?.()) ?? 0) > (written?.modifiedAt ?? Number.NaN));
    await under.blobs.remove(staged);
    const before = Date.now();
    assert.ok(((await written?.lastWrite?.()) ?? 0) >= before);
  });

  it('says when contents came by the clock of this machine, though that is an hour ahead', async (test) => {
    await using under = await opened();
    test.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 });
    const { staged, bytes } = await begin(under.blobs);
    const [first] = partRanges(staged.layout);
    assert.ok(first);
    await under.blobs.writePart(staged, first, streamPart(bytes, first));
    await under.blobs.put(randomBlobId(), streamPart(bytes, { index: 0, offset: 0, length: bytes.length }));
    const found = await collect(under.blobs.list());
    assert.deepEqual(found.map(({ kind }) => kind).toSorted(), ['complete', 'staged']);
    for (const { modifiedAt, lastWrite } of found) {
      assert.ok(modifiedAt > Date.now() - 60_000, new Date(modifiedAt).toISOString());
      assert.ok(((await lastWrite?.()) ?? modifiedAt) > Date.now() - 60_000);
    }
  });

  it('passes over what lies below its prefix and is none of its contents', async () => {
    await using under = await opened();
    const client = newTestClient();
    for (const key of ['database-id', 'blobs/readme.txt', 'blobs/sub/0123456789abcdef0123456789abcdef', 'other']) {
      await client.send(new PutObjectCommand({ Bucket: TEST_BUCKET, Key: `${under.prefix}/${key}`, Body: 'x' }));
    }
    client.destroy();
    assert.deepEqual(await collect(under.blobs.list()), []);
  });

  it('keeps two prefixes of a bucket apart, also where one begins like the other', async () => {
    await using one = await opened();
    await using other = await opened(s3Url(), `${one.prefix}-more`);
    const upload = await begin(one.blobs);
    assert.deepEqual(await collect(other.blobs.list()), []);
    await other.blobs.remove(upload.staged.blob);
    assert.equal((await collect(one.blobs.list())).length, 1);
  });

  it('stores a content of several pieces by one upload, and nothing of it where its body breaks off', async () => {
    await using proxy = await startS3Proxy();
    await using under = await opened(proxy.url);
    proxy.calls.length = 0;
    const [blob, bytes] = [randomBlobId(), randomBytesOfSize(2 * 16 * 2 ** 20 + 1)];
    await under.blobs.put(blob, streamPart(bytes, { index: 0, offset: 0, length: bytes.length }, 2 ** 18));
    const pieces = ['UploadPart', 'UploadPart', 'UploadPart'];
    assert.deepEqual(proxy.calls, ['CreateMultipartUpload', ...pieces, 'CompleteMultipartUpload']);
    assert.ok(Buffer.concat(await collect(await under.blobs.read(blob))).equals(bytes));
    assert.equal(under.spool.reserved, 0);

    const cut = randomBlobId();
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield* streamPart(bytes, { index: 0, offset: 0, length: 2 ** 24 + 5 }, 2 ** 18);
      throw new Error('cut');
    }
    await assert.rejects(under.blobs.put(cut, broken()), /cut/);
    assert.deepEqual(
      (await collect(under.blobs.list())).map((stored) => stored.blob),
      [blob],
    );
    assert.equal(under.spool.reserved, 0);
  });

  it('has a slot at hand until it is released, or until its room is needed', async () => {
    await using under = await opened(s3Url(), freshPlace().prefix, 2 * PART);
    const upload = await begin(under.blobs, 4 * PART);
    const [first, second, third] = partRanges(upload.staged.layout) as [PartRange, PartRange, PartRange];
    for (const range of [first, second])
      await under.blobs.writePart(upload.staged, range, streamPart(upload.bytes, range));
    assert.ok(await under.blobs.localPart(upload.staged, second));
    await under.blobs.writePart(upload.staged, third, streamPart(upload.bytes, third));
    assert.equal(await under.blobs.localPart(upload.staged, first), undefined);
    assert.ok(await under.blobs.localPart(upload.staged, second));
    await under.blobs.dropLocalPart(upload.staged, second);
    assert.equal(await under.blobs.localPart(upload.staged, second), undefined);
    assert.equal(under.spool.reserved, PART);
  });

  it('asks S3 once, however many ask whether it is ready', async () => {
    await using proxy = await startS3Proxy();
    await using under = await opened(proxy.url);
    proxy.calls.length = 0;
    for (let n = 0; n < 3; n += 1) await Promise.all(Array.from({ length: 20 }, () => under.ready()));
    assert.deepEqual(proxy.calls, ['ListObjectsV2']);
  });
});

type Opened = TestStore & { prefix: string } & AsyncDisposable;

async function opened(endpoint = s3Url(), prefix = freshPlace().prefix, spoolSize = 2 ** 28): Promise<Opened> {
  const store = await openTestStore({ place: { ...freshPlace(endpoint), prefix }, spoolSize });
  return { ...store, prefix, [Symbol.asyncDispose]: async () => store.end() };
}

async function overwrite(prefix: string, { staged }: Upload, number: number, Body: Uint8Array): Promise<void> {
  const client = newTestClient();
  const Key = `${prefix}/blobs/${staged.blob}`;
  const part = { Bucket: TEST_BUCKET, Key, UploadId: staged.backendState, PartNumber: number };
  await client.send(new UploadPartCommand({ ...part, Body }));
  client.destroy();
}

function idsOf(count: number): BlobId[] {
  return Array.from({ length: count }, randomBlobId);
}

async function sideBySide<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
    }),
  );
}
