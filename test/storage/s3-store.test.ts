import assert from 'node:assert/strict';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import type { LocalPart, PartRange, StagedBlob } from '../../packages/server/src/storage/blob-store.ts';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';
import { S3Error } from '../../packages/server/src/storage/s3/errors.ts';
import { S3Keys } from '../../packages/server/src/storage/s3/keys.ts';
import type { MultipartUploads } from '../../packages/server/src/storage/s3/multipart-uploads.ts';
import type { S3Objects } from '../../packages/server/src/storage/s3/objects.ts';
import { putObject } from '../../packages/server/src/storage/s3/put-object.ts';
import { S3Store } from '../../packages/server/src/storage/s3/s3-store.ts';
import { Spool } from '../../packages/server/src/storage/spool/spool.ts';
import type { VerifiedFile } from '../../packages/server/src/storage/spool/spooled-body.ts';
import {
  collect,
  partLayout,
  partRanges,
  randomBlobId,
  randomBytesOfSize,
  streamPart,
} from '../conformance/blob-samples.ts';
import type { S3Fault } from '../s3/s3-proxy.ts';
import { startFakeS3, xml } from './fake-s3.ts';
import { temporaryFolder } from './temporary-folder.ts';

const BEGUN = xml(
  'CreateMultipartUpload',
  '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>',
);
const NO_UPLOAD = { status: 404, code: 'NoSuchUpload' };
const NO_OBJECT: S3Fault = { operation: 'HeadObject', sendError: { status: 404, code: 'NoSuchKey' } };
const GONE = { code: 'blob-not-found' };
const PART = 1024;

describe('an upload on S3', () => {
  it('has at most ten thousand parts, and S3 is not called for one with more', async (t) => {
    const { store, proxy } = await openStoreWith(t, [BEGUN]);
    await assert.rejects(store.create(randomBlobId(), partLayout(10_001, 1)), RangeError);
    assert.deepEqual(proxy.calls, []);
    const staged = await store.create(randomBlobId(), partLayout(10_000, 1));
    assert.equal(staged.backendState, 'u');
  });

  it('has parts with a CRC-32 if the connection is encrypted, and none that the store verifies itself', async (t) => {
    const answer = { ...BEGUN, headers: { ...BEGUN.headers, 'x-amz-checksum-algorithm': 'CRC32' } };
    const { store, proxy } = await openStoreWith(t, [answer], { encrypted: true });
    const staged = await store.create(randomBlobId(), partLayout(1, 1));
    assert.equal(staged.backendState, 'crc32 u');
    assert.equal(proxy.headers[0]?.['x-amz-checksum-algorithm'], 'CRC32');
    assert.equal(store.verifiesParts(), false);
  });

  it('that S3 does not know is gone if there is no object, and complete if there is one of its size', async (t) => {
    const failed: S3Fault = { operation: 'CompleteMultipartUpload', sendError: NO_UPLOAD };
    const { store } = await openStoreWith(t, [failed, NO_OBJECT, failed, objectResponse(5), failed, objectResponse(6)]);
    const staged = createStagedBlob(5);
    await assert.rejects(store.complete(staged, ['x']), GONE);
    await store.complete(staged, ['x']);
    await assert.rejects(store.complete(staged, ['x']), / 6 .* 5 /);
  });

  it('whose parts S3 rejects has lost those that S3 does not list as stored', async (t) => {
    const { store } = await openStoreWith(t, [
      { operation: 'CompleteMultipartUpload', sendError: { status: 400, code: 'InvalidPart' } },
      xml('ListParts', `<ListPartsResult>${listed(1, 'a')}${listed(2, 'x')}${listed(4, 'd')}</ListPartsResult>`),
    ]);
    await assert.rejects(store.complete(createStagedBlob(4 * PART), ['a', 'b', 'c', 'd']), {
      name: 'LostPartsError',
      parts: [1, 2],
    });
  });

  it('whose parts S3 rejects although it lists them all has failed for another reason', async (t) => {
    const { store } = await openStoreWith(t, [
      { operation: 'CompleteMultipartUpload', sendError: { status: 400, code: 'InvalidPart' } },
      xml('ListParts', `<ListPartsResult>${listed(1, 'a')}</ListPartsResult>`),
    ]);
    await assert.rejects(store.complete(createStagedBlob(PART), ['a']), { name: 'S3Error', code: 'InvalidPart' });
  });

  it('whose parts S3 rejects because it has become an object is complete', async (t) => {
    const { store, proxy } = await openStoreWith(t, [
      { operation: 'CompleteMultipartUpload', sendError: { status: 400, code: 'InvalidPart' } },
      { operation: 'ListParts', sendError: NO_UPLOAD },
      objectResponse(PART),
    ]);
    await store.complete(createStagedBlob(PART), ['a']);
    assert.equal(proxy.faults.length, 0);
  });

  it('that S3 does not complete fails with the error of S3, without further calls', async (t) => {
    const { store, proxy } = await openStoreWith(t, [
      { operation: 'CompleteMultipartUpload', sendError: { status: 403, code: 'AccessDenied' } },
    ]);
    await assert.rejects(store.complete(createStagedBlob(PART), ['a']), { name: 'S3Error', code: 'AccessDenied' });
    assert.deepEqual(proxy.calls, ['CompleteMultipartUpload']);
  });

  it('of no bytes becomes an empty object, stored before the upload is removed', async (t) => {
    const { store, proxy } = await openStoreWith(t, [
      xml('ListParts', '<ListPartsResult/>'),
      { operation: 'PutObject', serve: Buffer.alloc(0) },
      { operation: 'AbortMultipartUpload', serve: Buffer.alloc(0) },
    ]);
    await store.complete(createStagedBlob(0), []);
    assert.deepEqual(proxy.calls, ['ListParts', 'PutObject', 'AbortMultipartUpload']);
  });

  it('of no bytes that does not exist is gone, or was completed before', async (t) => {
    const gone: S3Fault = { operation: 'ListParts', sendError: NO_UPLOAD };
    const { store, proxy } = await openStoreWith(t, [gone, NO_OBJECT, gone, objectResponse(0)]);
    await assert.rejects(store.complete(createStagedBlob(0), []), GONE);
    await store.complete(createStagedBlob(0), []);
    assert.deepEqual(proxy.calls, ['ListParts', 'HeadObject', 'ListParts', 'HeadObject']);
  });

  it('that was created on a disk is rejected without a call to S3', async (t) => {
    const { store, proxy, folder } = await openStoreWith(t);
    const staged: StagedBlob = { blob: randomBlobId(), layout: partLayout(PART, PART) };
    const range = { index: 0, offset: 0, length: PART };
    await assert.rejects(store.writePart(staged, range, streamPart(randomBytesOfSize(PART), range)), /S3/);
    await assert.rejects(store.complete(staged, ['a']), /S3/);
    await assert.rejects(store.exists(staged), /S3/);
    assert.deepEqual(proxy.calls, []);
    assert.deepEqual(await readdir(folder), []);
  });

  it('exists as an upload or as an object', async (t) => {
    const gone: S3Fault = { operation: 'ListParts', sendError: NO_UPLOAD };
    const there = xml('ListParts', '<ListPartsResult/>');
    const { store, proxy } = await openStoreWith(t, [there, gone, objectResponse(5), gone, NO_OBJECT]);
    const found = [];
    for (let n = 0; n < 3; n += 1) found.push(await store.exists(createStagedBlob(5)));
    assert.deepEqual(found, [true, true, false]);
    assert.equal(proxy.calls.length, 5);
  });

  it('has a local part once S3 has stored it, until it is dropped or the upload is removed, and none that S3 rejected', async (t) => {
    const { store, folder } = await openStoreWith(t, [
      { operation: 'UploadPart', serve: Buffer.alloc(0), headers: { etag: '"e"' }, times: 2 },
      { operation: 'UploadPart', sendError: NO_UPLOAD },
      { operation: 'AbortMultipartUpload', serve: Buffer.alloc(0) },
      { operation: 'DeleteObject', serve: Buffer.alloc(0) },
    ]);
    const staged = createStagedBlob(3 * PART);
    const [first, second, third] = partRanges(staged.layout) as [PartRange, PartRange, PartRange];
    const bytes = randomBytesOfSize(3 * PART);
    for (const range of [first, second]) await store.writePart(staged, range, streamPart(bytes, range));
    const { path, offset, length } = (await store.localPart(staged, second)) as LocalPart;
    assert.deepEqual([offset, length], [0, PART]);
    assert.deepEqual(new Uint8Array(await readFile(path)), bytes.slice(PART, 2 * PART));
    await assert.rejects(store.writePart(staged, third, streamPart(bytes, third)), GONE);
    assert.equal(await store.localPart(staged, third), undefined);
    assert.equal((await readdir(folder)).length, 2);
    await store.dropLocalPart(staged, first);
    assert.equal(await store.localPart(staged, first), undefined);
    await store.remove(staged);
    assert.equal(await store.localPart(staged, second), undefined);
    assert.deepEqual(await readdir(folder), []);
  });

  it('is verified part by part with the checksums of S3', async (t) => {
    const { store, proxy } = await openStoreWith(t, [
      { operation: 'UploadPart', serve: Buffer.alloc(0), headers: { etag: '"e"' }, times: 2 },
      { operation: 'UploadPart', sendError: NO_UPLOAD },
    ]);
    const bytes = randomBytesOfSize(PART);
    const range = { index: 0, offset: 0, length: PART };
    const tags = [];
    for (const backendState of ['u', 'crc32 u']) {
      tags.push(await store.writePart({ ...createStagedBlob(PART), backendState }, range, streamPart(bytes, range)));
    }
    assert.equal(tags[0], 'e');
    const crc32 = proxy.headers[1]?.['x-amz-checksum-crc32'];
    assert.ok(crc32);
    assert.equal(tags[1], `e ${crc32}`);
    await assert.rejects(store.writePart(createStagedBlob(PART), range, streamPart(bytes, range)), GONE);
  });
});

describe('a blob on S3', () => {
  it('is complete if it is an object of any size', async (t) => {
    const { store } = await openStoreWith(t, [objectResponse(0), objectResponse(5), NO_OBJECT]);
    const found = [];
    for (let n = 0; n < 3; n += 1) found.push(await store.isComplete(randomBlobId()));
    assert.deepEqual(found, [true, true, false]);
  });

  it('is removed with its upload or, if only its ID is known, with all uploads of its key', async (t) => {
    const blob = randomBlobId();
    const uploads = [
      [blob, 'v'],
      [`${blob}0`, 'w'],
    ].map(([id, upload]) => `<Upload><Key>p/blobs/${id}</Key><UploadId>${upload}</UploadId></Upload>`);
    const { store, proxy } = await openStoreWith(t, [
      { operation: 'AbortMultipartUpload', serve: Buffer.alloc(0), having: 'uploadId=u' },
      { operation: 'DeleteObject', serve: Buffer.alloc(0), times: 2 },
      xml('ListMultipartUploads', `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`),
      { operation: 'AbortMultipartUpload', serve: Buffer.alloc(0), having: 'uploadId=v' },
    ]);
    await store.remove({ ...createStagedBlob(5), blob });
    assert.deepEqual(proxy.calls.splice(0), ['AbortMultipartUpload', 'DeleteObject']);
    await store.remove(blob);
    assert.deepEqual(proxy.calls, ['ListMultipartUploads', 'AbortMultipartUpload', 'DeleteObject']);
  });

  it('is found with the time of its last write, as an upload or as an object', async (t) => {
    const [open, whole] = [randomBlobId(), randomBlobId()];
    const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1_000).toISOString();
    const upload = `<Key>p/blobs/${open}</Key><UploadId>u</UploadId><Initiated>${at(0)}</Initiated>`;
    const object = `<Key>p/blobs/${whole}</Key><LastModified>${at(5)}</LastModified>`;
    const stored = [7, 9, 8].map((n) => `${listed(n, 'e', at(n))}`).join('');
    const { store } = await openStoreWith(t, [
      xml(
        'ListMultipartUploads',
        `<ListMultipartUploadsResult><Upload>${upload}</Upload></ListMultipartUploadsResult>`,
      ),
      xml('ListObjectsV2', `<ListBucketResult><Contents>${object}</Contents></ListBucketResult>`),
      xml('ListParts', `<ListPartsResult>${stored}</ListPartsResult>`),
    ]);
    assert.equal(store.sections(), 1);
    const found = await collect(store.find());
    const writes = [];
    for (const { blob, lastWrite } of found) writes.push([blob, new Date((await lastWrite()) ?? 0).toISOString()]);
    assert.deepEqual(writes, [
      [open, at(9)],
      [whole, at(5)],
    ]);
  });
});

describe('a direct upload to S3', () => {
  it('has at most ten thousand chunks, and a larger one leaves nothing behind', async () => {
    const calls: string[] = [];
    let parts = 0;
    let held = 0;
    // Twenty thousand files would take half a minute.
    const spool = {
      size: 1,
      async receive(body: AsyncIterable<Uint8Array>) {
        held += (await collect(body)).length;
        return {
          async remove() {
            held = 0;
          },
        };
      },
    } as unknown as Spool;
    const uploads = {
      create: async () => ({ key: 'k', id: 'u', checksum: 'sha256' }),
      sendPart: async (_upload: unknown, number: number) => {
        assert.equal(number, number === 1 ? 1 : parts + 1);
        parts = number;
        return { number, etag: 'e' };
      },
      complete: async (_upload: unknown, sent: unknown[]) => calls.push(`complete ${sent.length}`),
      abort: async () => calls.push('abort'),
    } as unknown as MultipartUploads;
    const objects = { delete: async () => calls.push('delete') } as unknown as S3Objects;
    const store = { spool, uploads, objects };
    await putObject(store, 'k', oneByOne(10_000));
    assert.deepEqual(calls.splice(0), ['complete 10000']);
    let isClosed = false;
    async function* tooMany(): AsyncGenerator<Uint8Array> {
      try {
        yield* oneByOne(10_002);
      } finally {
        isClosed = true;
      }
    }
    await assert.rejects(putObject(store, 'k', tooMany()), { code: 'file-too-large' });
    assert.ok(isClosed);
    assert.equal(parts, 10_000);
    assert.deepEqual(calls, ['abort', 'delete']);
    assert.equal(held, 0);
  });

  it('is sent in parts of 16 MiB, which are verified by their SHA-256', async () => {
    const MIB = 2 ** 20;
    const sizes: number[] = [];
    const spool = {
      size: 2 ** 30,
      async receive(body: AsyncIterable<Uint8Array>) {
        await collect(body);
        return { remove: async () => {} };
      },
    } as unknown as Spool;
    const uploads = {
      async create(_key: string, { crc32 }: { crc32: boolean }) {
        assert.equal(crc32, false);
        return { key: 'k', id: 'u', checksum: 'sha256' };
      },
      async sendPart(_upload: unknown, number: number, { length }: VerifiedFile) {
        sizes.push(length);
        return { number, etag: 'e' };
      },
      complete: async () => {},
    } as unknown as MultipartUploads;
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 33; n += 1) yield new Uint8Array(MIB);
    }
    await putObject({ spool, uploads, objects: {} as S3Objects }, 'k', body());
    assert.deepEqual(sizes, [16 * MIB, 16 * MIB, MIB]);
  });

  it('whose upload S3 no longer knows is stored if its object exists, and failed otherwise', async (t) => {
    const { folder } = await openStoreWith(t);
    const spool = await Spool.open({ folder, size: 10, budget: new ByteBudget() });
    const missing = new S3Error('Test', { code: 'NoSuchUpload', status: 404, retryable: false });
    const refused = new S3Error('Test', { code: 'AccessDenied', status: 403, retryable: false });
    for (const [failure, size, isStored] of [
      [missing, 15, true],
      [missing, undefined, false],
      [refused, 15, false],
    ] as const) {
      const calls: string[] = [];
      const uploads = {
        create: async () => ({ key: 'k', id: 'u', checksum: 'sha256' }),
        sendPart: async (_upload: unknown, number: number) => ({ number, etag: 'e' }),
        complete: () => Promise.reject(failure),
        abort: async () => calls.push('abort'),
      } as unknown as MultipartUploads;
      const objects = { findSize: async () => size, delete: async () => calls.push('delete') } as unknown as S3Objects;
      const putting = putObject({ spool, uploads, objects }, 'k', oneByOne(15));
      if (isStored) await putting;
      else await assert.rejects(putting, (error) => error === failure);
      assert.deepEqual(calls, isStored ? [] : ['abort', 'delete']);
    }
  });

  it('in one chunk that S3 rejects leaves no object', async (t) => {
    const { store, proxy } = await openStoreWith(t, [
      { operation: 'PutObject', sendError: { status: 403, code: 'AccessDenied' } },
      { operation: 'DeleteObject', serve: Buffer.alloc(0) },
    ]);
    await assert.rejects(store.put(randomBlobId(), oneByOne(5)), { name: 'S3Error', code: 'AccessDenied' });
    assert.deepEqual(proxy.calls, ['PutObject', 'DeleteObject']);
  });
});

function createStagedBlob(size: number): StagedBlob {
  return { blob: 'a'.repeat(32) as BlobId, layout: partLayout(size, PART), backendState: 'u' };
}

function listed(number: number, etag: string, at = '2026-01-01T00:00:00Z'): string {
  return `<Part><PartNumber>${number}</PartNumber><ETag>"${etag}"</ETag><LastModified>${at}</LastModified></Part>`;
}

function objectResponse(size: number): S3Fault {
  return { operation: 'HeadObject', serve: Buffer.alloc(0), headers: { 'content-length': String(size) } };
}

async function* oneByOne(bytes: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < bytes; n += 1) yield new Uint8Array(1);
}

async function openStoreWith(t: TestContext, answers: readonly S3Fault[] = [], { encrypted = false } = {}) {
  const { proxy, bucket } = await startFakeS3(t, answers);
  const folder = join(await temporaryFolder(t), 'spool');
  await mkdir(folder);
  const spool = await Spool.open({ folder, size: 2 ** 20, budget: new ByteBudget() });
  return { proxy, folder, store: new S3Store({ bucket, keys: new S3Keys('p'), spool, encrypted }) };
}
