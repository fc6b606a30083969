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
} from '../conformance/blob-samples.ts';
import { startS3Proxy } from './s3-proxy.ts';
import {
  MIN_PART,
  newLocation,
  newTestClient,
  openTestStore,
  s3Url,
  TEST_BUCKET,
  type TestStore,
  timeFor,
  whyNoS3,
} from './test-store.ts';
import { createStaged, keepsEarlierParts, PART, readAll, type Upload, writeAll } from './uploads.ts';

const SMALL_PARTS_ONLY = MIN_PART > 1024 && "a thousand parts of this store's minimum size are 8 GiB";

describe('the S3 store', { skip: whyNoS3 ?? false, timeout: timeFor(240_000) }, () => {
  it('stores each blob as an object that any S3 tool finds by its ID', async () => {
    await using under = await openStore();
    const upload = await createStaged(under.blobs);
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, upload));
    const client = newTestClient();
    const Key = `${under.prefix}/blobs/${upload.staged.blob}`;
    const { Body } = await client.send(new GetObjectCommand({ Bucket: TEST_BUCKET, Key }));
    assert.deepEqual(await Body?.transformToByteArray(), upload.bytes);
    client.destroy();
  });

  it('calls S3 once to start, once per part and once to complete', async () => {
    await using proxy = await startS3Proxy();
    await using under = await openStore(proxy.url);
    proxy.calls.length = 0;
    const upload = await createStaged(under.blobs, 8 * PART);
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
    await under.blobs.remove((await createStaged(under.blobs)).staged);
    assert.deepEqual(proxy.calls, ['CreateMultipartUpload', 'AbortMultipartUpload', 'DeleteObject']);
  });

  it('reports parts that S3 no longer has as written; when they are written again, the upload is completed', async () => {
    await using under = await openStore();
    const upload = await createStaged(under.blobs);
    const receipts = await writeAll(under.blobs, upload);
    // Like an aborted request that arrived after the part had been written again.
    await overwrite(under.prefix, upload, 2, randomBytesOfSize(PART));
    if (await keepsEarlierParts(under.prefix, upload, 2)) {
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

  it('treats a completed upload as complete, whatever the tags: the caller has to know its parts', async () => {
    await using under = await openStore();
    const upload = await createStaged(under.blobs);
    const before = await writeAll(under.blobs, upload);
    const changed = { ...upload, bytes: upload.bytes.map((byte) => byte ^ 1) };
    await under.blobs.complete(upload.staged, await writeAll(under.blobs, changed));
    await under.blobs.complete(upload.staged, before);
    assert.deepEqual(await readAll(under.blobs, upload), changed.bytes);
  });

  it('reports no part as lost if S3 lists what was written and something else too', async () => {
    await using proxy = await startS3Proxy();
    await using under = await openStore(proxy.url);
    const upload = await createStaged(under.blobs);
    const receipts = await writeAll(under.blobs, upload);
    const others = 'another';
    const listed = [receipts[0], others, others, receipts[2], receipts[3]];
    const numbers = [1, 1, 2, 3, 4];
    const parts = numbers.map((n, at) => `<Part><PartNumber>${n}</PartNumber><ETag>${listed[at]}</ETag></Part>`);
    proxy.faults.push(
      { operation: 'CompleteMultipartUpload', sendError: { status: 400, code: 'InvalidPart' } },
      { operation: 'ListParts', serve: Buffer.from(`<ListPartsResult>${parts.join('')}</ListPartsResult>`) },
    );
    await assert.rejects(under.blobs.complete(upload.staged, receipts), { name: 'LostPartsError', parts: [1] });
  });

  it('reads lists of objects and uploads that are longer than a page', async () => {
    await using proxy = await startS3Proxy();
    await using under = await openStore(proxy.url);
    const client = newTestClient();
    const [objects, uploads] = [idsOf(1_003), idsOf(1_003)];
    const Bucket = TEST_BUCKET;
    await inParallel(objects, async (id) => {
      await client.send(new PutObjectCommand({ Bucket, Key: `${under.prefix}/blobs/${id}`, Body: 'x' }));
    });
    await inParallel(uploads, async (id) => {
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
      // One may be listed twice.
      assert.deepEqual([...new Set(of('staged'))].toSorted(), uploads.toSorted());
    }
    await lists();
    // If the upload that ended the page before is unknown or gone.
    const answer = { status: 400, code: 'InvalidArgument' };
    proxy.faults.push({ operation: 'ListMultipartUploads', having: 'upload-id-marker', sendError: answer });
    await lists();
    // SeaweedFS returns all on one page, and Garage returns only the key.
    assert.equal(proxy.faults.length, marked ? 0 : 1);
  });

  it('reads a list of parts that is longer than a page', { skip: SMALL_PARTS_ONLY }, async (t) => {
    await using under = await openStore();
    const size = 1_003 * 1024;
    const staged = await under.blobs.create(randomBlobId(), partLayout(size, 1024));
    const upload = { staged, bytes: randomBytesOfSize(size) };
    const receipts: string[] = [];
    await inParallel(partRanges(staged.layout), async (range) => {
      receipts[range.index] = await under.blobs.writePart(staged, range, streamPart(upload.bytes, range));
    });
    await overwrite(under.prefix, upload, 1_002, randomBytesOfSize(1024));
    if (await keepsEarlierParts(under.prefix, upload, 1_002))
      return t.skip('this store loses no part that is written over');
    await assert.rejects(under.blobs.complete(staged, receipts), { parts: [1_001] });
  });

  it("returns the time of an upload's last part, and treats one that has just been removed as recent", async () => {
    await using under = await openStore();
    const { staged, bytes } = await createStaged(under.blobs);
    const [first] = partRanges(staged.layout);
    assert.ok(first);
    const [begun] = await collect(under.blobs.list());
    assert.equal(await begun?.lastWrite?.(), begun?.modifiedAt);
    // S3 has whole seconds.
    await sleep(1_100);
    await under.blobs.writePart(staged, first, streamPart(bytes, first));
    const [written] = await collect(under.blobs.list());
    assert.equal(written?.modifiedAt, begun?.modifiedAt);
    assert.ok(((await written?.lastWrite?.()) ?? 0) > (written?.modifiedAt ?? Number.NaN));
    await under.blobs.remove(staged);
    const before = Date.now();
    assert.ok(((await written?.lastWrite?.()) ?? 0) >= before);
  });

  it("returns times by this machine's clock, even if that is an hour ahead", async (test) => {
    await using under = await openStore();
    test.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 });
    const { staged, bytes } = await createStaged(under.blobs);
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

  it('ignores objects below its prefix that are not blobs', async () => {
    await using under = await openStore();
    const client = newTestClient();
    for (const key of ['database-id', 'blobs/readme.txt', 'blobs/sub/0123456789abcdef0123456789abcdef', 'other']) {
      await client.send(new PutObjectCommand({ Bucket: TEST_BUCKET, Key: `${under.prefix}/${key}`, Body: 'x' }));
    }
    client.destroy();
    assert.deepEqual(await collect(under.blobs.list()), []);
  });

  it('separates two prefixes of a bucket, even if one starts with the other', async () => {
    await using one = await openStore();
    await using other = await openStore(s3Url(), `${one.prefix}-more`);
    const upload = await createStaged(one.blobs);
    assert.deepEqual(await collect(other.blobs.list()), []);
    await other.blobs.remove(upload.staged.blob);
    assert.equal((await collect(one.blobs.list())).length, 1);
  });

  it('stores a blob of several chunks with one upload, and nothing of it if its body is interrupted', async () => {
    await using proxy = await startS3Proxy();
    await using under = await openStore(proxy.url);
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

  it('has a local part until it is dropped, or until its space is needed', async () => {
    await using under = await openStore(s3Url(), newLocation().prefix, 2 * PART);
    const upload = await createStaged(under.blobs, 4 * PART);
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

  it('sends one request to S3 for any number of parallel readiness checks', async () => {
    await using proxy = await startS3Proxy();
    await using under = await openStore(proxy.url);
    proxy.calls.length = 0;
    for (let n = 0; n < 3; n += 1) await Promise.all(Array.from({ length: 20 }, () => under.ready()));
    assert.deepEqual(proxy.calls, ['ListObjectsV2']);
  });
});

type OpenStore = TestStore & { prefix: string } & AsyncDisposable;

async function openStore(endpoint = s3Url(), prefix = newLocation().prefix, spoolSize = 2 ** 28): Promise<OpenStore> {
  const store = await openTestStore({ place: { ...newLocation(endpoint), prefix }, spoolSize });
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

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
    }),
  );
}
