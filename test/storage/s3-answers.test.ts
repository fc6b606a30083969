import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import type { S3Client } from '@aws-sdk/client-s3';
import { resolveCompletion } from '../../packages/server/src/storage/s3/completion.ts';
import { S3Error } from '../../packages/server/src/storage/s3/errors.ts';
import { MultipartUploads } from '../../packages/server/src/storage/s3/multipart-uploads.ts';
import { S3Objects } from '../../packages/server/src/storage/s3/objects.ts';
import { SpooledFile } from '../../packages/server/src/storage/spool/spooled-body.ts';
import { collect } from '../conformance/blob-samples.ts';
import type { S3Fault, S3Proxy } from '../s3/s3-proxy.ts';
import { startFakeS3, xml } from './fake-s3.ts';
import { temporaryFolder } from './temporary-folder.ts';

const UPLOAD = { key: 'blobs/a', id: 'u1', checksum: 'sha256' } as const;
const GONE: S3Fault = { operation: 'ListParts', sendError: { status: 404, code: 'NoSuchUpload' } };
const NO_OBJECT: S3Fault = { operation: 'HeadObject', sendError: { status: 404, code: 'NoSuchKey' } };

describe('an incomplete response of S3', () => {
  it('is an error if an upload has no ID', async (t) => {
    const { bucket } = await startFakeS3(t, [
      xml('CreateMultipartUpload', '<InitiateMultipartUploadResult><Key>k</Key></InitiateMultipartUploadResult>'),
    ]);
    const uploads = new MultipartUploads(bucket, { askForCrc32: false });
    await assert.rejects(uploads.create('k', { crc32: false }), /an ID/);
  });

  it('is an error if a part has no ETag', async (t) => {
    const { bucket } = await startFakeS3(t, [xml('UploadPart', '')]);
    const uploads = new MultipartUploads(bucket, { askForCrc32: false });
    await assert.rejects(uploads.sendPart(UPLOAD, 1, await createSpooledFile(t)), /ETag/);
  });

  it('is an error if an object has no length', async (t) => {
    const { bucket } = await startFakeS3(t, [
      { operation: 'GetObject', serve: Buffer.from('x'), headers: { 'transfer-encoding': 'chunked' } },
    ]);
    await assert.rejects(new S3Objects(bucket).get('k'), /body/);
  });

  it('is ignored for parts without a number or an ETag', async (t) => {
    const whole = '<Part><PartNumber>2</PartNumber><ETag>"b"</ETag></Part>';
    const parts = `<Part><PartNumber>1</PartNumber></Part>${whole}<Part><ETag>"c"</ETag></Part>`;
    const { bucket } = await startFakeS3(t, [xml('ListParts', `<ListPartsResult>${parts}</ListPartsResult>`)]);
    const uploads = new MultipartUploads(bucket, { askForCrc32: false });
    const found = await uploads.listParts(UPLOAD);
    assert.deepEqual(
      found?.map(({ number, etag }) => ({ number, etag })),
      [{ number: 2, etag: 'b' }],
    );
  });

  it('is ignored for uploads without a key or an ID, and for objects without a key', async (t) => {
    const uploads = ['<Key>a</Key>', '<UploadId>u</UploadId>', '<Key>b</Key><UploadId>v</UploadId>'];
    const listed = uploads.map((upload) => `<Upload>${upload}</Upload>`).join('');
    const { bucket } = await startFakeS3(t, [
      xml('ListMultipartUploads', `<ListMultipartUploadsResult>${listed}</ListMultipartUploadsResult>`),
      xml('ListObjectsV2', '<ListBucketResult><Contents/><Contents><Key>c</Key></Contents></ListBucketResult>'),
      xml('ListObjectsV2', '<ListBucketResult></ListBucketResult>'),
    ]);
    const [found] = await collect(new MultipartUploads(bucket, { askForCrc32: false }).list(''));
    assert.deepEqual([found?.key, found?.id], ['b', 'v']);
    const objects = new S3Objects(bucket);
    const keys = (await collect(objects.list(''))).map(({ key }) => key);
    assert.deepEqual(keys, ['c']);
    assert.equal(await objects.findKey(''), undefined);
  });
});

describe('a list of S3', () => {
  it('continues after each page if S3 says that there is another one', async (t) => {
    const page = (n: number, more: string) => `<ListPartsResult>${more}${part(n)}</ListPartsResult>`;
    const truncated = '<IsTruncated>true</IsTruncated>';
    const marker = '<NextPartNumberMarker>1</NextPartNumberMarker>';
    const { bucket, proxy } = await startFakeS3(t, [
      xml('ListParts', page(1, truncated + marker)),
      { ...xml('ListParts', page(2, marker)), having: 'part-number-marker=1' },
      xml('ListParts', page(3, truncated)),
    ]);
    const uploads = new MultipartUploads(bucket, { askForCrc32: false });
    assert.deepEqual(await listPartNumbers(uploads), [1, 2]);
    assert.deepEqual(await listPartNumbers(uploads), [3]);
    assert.equal(proxy.faults.length, 0);
  });

  it('of objects continues where the page before ended', async (t) => {
    const page = (key: string, more: string) =>
      `<ListBucketResult>${more}<Contents><Key>${key}</Key></Contents></ListBucketResult>`;
    const truncated = '<IsTruncated>true</IsTruncated>';
    const token = '<NextContinuationToken>t</NextContinuationToken>';
    const { bucket, proxy } = await startFakeS3(t, [
      xml('ListObjectsV2', page('a', truncated + token)),
      { ...xml('ListObjectsV2', page('b', token)), having: 'continuation-token=t' },
      xml('ListObjectsV2', page('c', truncated)),
      xml('ListObjectsV2', page('d', '')),
    ]);
    const objects = new S3Objects(bucket);
    const keys = async () => (await collect(objects.list(''))).map(({ key }) => key);
    assert.deepEqual(await keys(), ['a', 'b']);
    assert.deepEqual(await keys(), ['c']);
    assert.equal(await objects.findKey(''), 'd');
    assert.equal(proxy.faults.length, 0);
  });

  it('of uploads starts its next page after the last upload of the one before', async (t) => {
    const page = (key: string, more: string) =>
      `<ListMultipartUploadsResult>${more}<Upload><Key>${key}</Key><UploadId>u</UploadId></Upload></ListMultipartUploadsResult>`;
    const truncated = '<IsTruncated>true</IsTruncated>';
    const markers = '<NextKeyMarker>a</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>';
    const { bucket, proxy } = await startFakeS3(t, [
      xml('ListMultipartUploads', page('a', truncated + markers)),
      { ...xml('ListMultipartUploads', page('b', markers)), having: 'upload-id-marker=u' },
      xml('ListMultipartUploads', page('c', truncated)),
    ]);
    const uploads = new MultipartUploads(bucket, { askForCrc32: false });
    const keys = async () => (await collect(uploads.list(''))).map(({ key }) => key);
    assert.deepEqual(await keys(), ['a', 'b']);
    assert.deepEqual(await keys(), ['c']);
    assert.equal(proxy.faults.length, 0);
  });

  it('of uploads fails on any error other than about the marker, which is optional', async (t) => {
    const refused: S3Fault = { operation: 'ListMultipartUploads', sendError: { status: 403, code: 'AccessDenied' } };
    const first: S3Fault = { operation: 'ListMultipartUploads', sendError: { status: 400, code: 'InvalidArgument' } };
    const markers = '<NextKeyMarker>a</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>';
    const page = `<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>${markers}</ListMultipartUploadsResult>`;
    const { bucket, proxy } = await startFakeS3(t, [first, xml('ListMultipartUploads', page), refused]);
    const uploads = new MultipartUploads(bucket, { askForCrc32: false });
    await assert.rejects(collect(uploads.list('')), { code: 'InvalidArgument' });
    await assert.rejects(collect(uploads.list('')), { code: 'AccessDenied' });
    assert.equal(proxy.faults.length, 0);
    assert.equal(proxy.calls.length, 3);
  });
});

describe('an upload with a CRC-32', () => {
  const refusals = [
    { status: 501, code: 'NotImplemented' },
    { status: 400, code: 'InvalidRequest' },
    { status: 400, code: 'InvalidArgument' },
  ];
  for (const answer of refusals) {
    it(`is created without one if S3 responds ${answer.code}`, async (t) => {
      const { bucket, proxy } = await startFakeS3(t, [
        { operation: 'CreateMultipartUpload', sendError: answer },
        createdResponse(),
      ]);
      const uploads = new MultipartUploads(bucket, { askForCrc32: true });
      assert.equal((await uploads.create('k', { crc32: true })).checksum, 'sha256');
      proxy.faults.push(createdResponse());
      await uploads.create('k', { crc32: true });
      assert.deepEqual(requestedChecksums(proxy), ['CRC32', undefined, undefined], 'it asked again');
    });
  }

  it('is not requested if it is not wanted, or if the connection to the store is not encrypted', async (t) => {
    for (const [askForCrc32, crc32] of [
      [false, true],
      [true, false],
    ] as const) {
      const { bucket, proxy } = await startFakeS3(t, [createdResponse()]);
      await new MultipartUploads(bucket, { askForCrc32 }).create('k', { crc32 });
      assert.deepEqual(requestedChecksums(proxy), [undefined]);
    }
  });

  it('fails if S3 rejects it for another reason, or rejects an upload without one', async (t) => {
    const { bucket, proxy } = await startFakeS3(t, [
      { operation: 'CreateMultipartUpload', sendError: { status: 403, code: 'AccessDenied' } },
      { operation: 'CreateMultipartUpload', sendError: { status: 501, code: 'NotImplemented' } },
    ]);
    const uploads = new MultipartUploads(bucket, { askForCrc32: true });
    await assert.rejects(uploads.create('k', { crc32: true }), { code: 'AccessDenied' });
    await assert.rejects(uploads.create('k', { crc32: false }), { code: 'NotImplemented' });
    assert.equal(proxy.calls.length, 2);
  });

  it('is verified with it only if S3 says that it stores one', async (t) => {
    const keeps = { 'x-amz-checksum-algorithm': 'CRC32' };
    const { bucket } = await startFakeS3(t, [
      createdResponse(keeps),
      createdResponse(),
      createdResponse({ 'x-amz-checksum-algorithm': 'SHA1' }),
    ]);
    const uploads = new MultipartUploads(bucket, { askForCrc32: true });
    const kinds = [];
    for (let n = 0; n < 3; n += 1) kinds.push((await uploads.create('k', { crc32: true })).checksum);
    assert.deepEqual(kinds, ['crc32', 'sha256', 'sha256']);
  });
});

describe('an upload that may have been created twice', () => {
  const listed = ['k u', 'k other', 'k2 other'].map((upload) => {
    const [key, id] = upload.split(' ');
    return `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`;
  });

  it('is the one whose ID was received, and the others of its key are aborted', async (t) => {
    const { bucket, proxy } = await startFakeS3(t, [
      { operation: 'CreateMultipartUpload', sendError: { status: 500, code: 'InternalError' } },
      createdResponse(),
      xml('ListMultipartUploads', `<ListMultipartUploadsResult>${listed.join('')}</ListMultipartUploadsResult>`),
      { operation: 'AbortMultipartUpload', serve: Buffer.alloc(0), having: 'uploadId=other' },
    ]);
    const upload = await new MultipartUploads(bucket, { askForCrc32: false }).create('k', { crc32: false });
    assert.equal(upload.id, 'u');
    const calls = ['CreateMultipartUpload', 'CreateMultipartUpload', 'ListMultipartUploads', 'AbortMultipartUpload'];
    assert.deepEqual(proxy.calls, calls);
  });

  it('is used even if S3 does not list the others', async (t) => {
    const { bucket, proxy } = await startFakeS3(t, [
      { operation: 'CreateMultipartUpload', sendError: { status: 500, code: 'InternalError' } },
      createdResponse(),
      { operation: 'ListMultipartUploads', sendError: { status: 403, code: 'AccessDenied' } },
    ]);
    assert.equal((await new MultipartUploads(bucket, { askForCrc32: false }).create('k', { crc32: false })).id, 'u');
    assert.equal(proxy.calls.length, 3);
  });

  it('is a single one if its first request was answered', async (t) => {
    const { bucket, proxy } = await startFakeS3(t, [createdResponse()]);
    await new MultipartUploads(bucket, { askForCrc32: false }).create('k', { crc32: false });
    assert.deepEqual(proxy.calls, ['CreateMultipartUpload']);
  });
});

describe('an upload whose completion got no response', () => {
  const inPassing = new S3Error('Test', { code: 'TimeoutError', retryable: true });

  it('is still an upload while S3 has it, and the object is not requested', async (t) => {
    const found = { ...xml('ListParts', '<ListPartsResult/>'), having: 'max-parts=1&' };
    const { bucket, proxy } = await startFakeS3(t, [found]);
    assert.equal(await resolve(bucket, inPassing, 60_000), undefined);
    assert.deepEqual(proxy.calls, ['ListParts']);
  });

  it('is complete when its object exists, which the client waits for', async (t) => {
    const { bucket, proxy } = await startFakeS3(t, [GONE, NO_OBJECT, objectResponse(5)]);
    assert.equal(await resolve(bucket, inPassing, 60_000), true);
    assert.deepEqual(proxy.calls, ['ListParts', 'HeadObject', 'HeadObject']);
  });

  it('is gone if neither exists when the time is over', async (t) => {
    const { bucket, proxy } = await startFakeS3(t, [GONE, { ...NO_OBJECT, times: 1_000 }]);
    await assert.rejects(resolve(bucket, inPassing, 300), /gone/);
    // With a pause of half a second between them.
    assert.ok(proxy.calls.filter((call) => call === 'HeadObject').length <= 2);
  });

  for (const status of [500, 503]) {
    it(`is gone immediately if the store itself failed with ${status}: it is not completing anything`, async (t) => {
      const { bucket, proxy } = await startFakeS3(t, [GONE, { ...NO_OBJECT, times: 100 }]);
      const failed = new S3Error('Test', { code: 'InternalError', status, retryable: true });
      await assert.rejects(resolve(bucket, failed, 60_000), /gone/);
      assert.deepEqual(proxy.calls, ['ListParts', 'HeadObject']);
    });
  }

  it('is waited for if something on the way to the store failed', async (t) => {
    const { bucket } = await startFakeS3(t, [GONE, NO_OBJECT, objectResponse(5)]);
    const failed = new S3Error('Test', { code: 'BadGateway', status: 502, retryable: true });
    assert.equal(await resolve(bucket, failed, 60_000), true);
  });

  it('is unknown if S3 does not say, and an error if it never will', async (t) => {
    const { bucket } = await startFakeS3(
      t,
      [
        { operation: 'ListParts', sendError: { status: 503, code: 'SlowDown' } },
        { operation: 'ListParts', sendError: { status: 403, code: 'AccessDenied' } },
      ],
      { call: { timeout: 60_000, idleTimeout: 60_000, outcome: (failure) => Promise.reject(failure) } },
    );
    assert.equal(await resolve(bucket, inPassing, 60_000), undefined);
    await assert.rejects(resolve(bucket, inPassing, 60_000), { code: 'AccessDenied' });
  });

  it('is damaged if the object has another size', async (t) => {
    const { bucket } = await startFakeS3(t, [GONE, objectResponse(6)]);
    await assert.rejects(resolve(bucket, inPassing, 60_000), /blobs\/a.* 6 .* 5 /);
  });

  function resolve(bucket: Awaited<ReturnType<typeof startFakeS3>>['bucket'], failure: S3Error, timeout: number) {
    const store = { uploads: new MultipartUploads(bucket, { askForCrc32: false }), objects: new S3Objects(bucket) };
    return resolveCompletion(store, UPLOAD, { size: 5, goneError: () => new Error('gone'), failure, timeout });
  }
});

describe('a range of an object', () => {
  it('is the requested one, and any other is rejected', async (t) => {
    const ranges = ['bytes 5-9/100', 'bytes 5-19/100', 'bytes 0-9/100', undefined];
    const answers = ranges.map((range) => ({
      operation: 'GetObject' as const,
      serve: Buffer.from('12345'),
      ...(range !== undefined && { headers: { 'content-range': range } }),
    }));
    const { bucket } = await startFakeS3(t, answers);
    const objects = new S3Objects(bucket);
    const { body, length } = await objects.get('k', { first: 5, last: 9 });
    assert.equal(length, 5);
    assert.equal(Buffer.concat(await body.toArray()).toString(), '12345');
    for (let n = 0; n < 3; n += 1) await assert.rejects(objects.get('k', { first: 5, last: 9 }), /range/);
  });
});

describe('a response with another range', () => {
  it('is not read to its end', async () => {
    const body = new Readable({ read() {} });
    const answer = { Body: body, ContentLength: 5, ContentRange: 'bytes 0-4/9' };
    const limit = { timeout: 60_000, idleTimeout: 60_000 };
    const client = { send: async () => answer } as unknown as S3Client;
    const objects = new S3Objects({ client, name: 'b', limits: { call: limit, body: limit, complete: limit } });
    await assert.rejects(objects.get('k', { first: 1, last: 5 }), /range/);
    assert.ok(body.destroyed);
    assert.equal((await objects.get('k', { first: 0, last: 4 })).length, 5);
  });
});

describe('a small object', () => {
  it('is written with its type and its length in bytes', async (t) => {
    const { bucket, proxy } = await startFakeS3(t, [{ operation: 'PutObject', serve: Buffer.alloc(0), times: 2 }]);
    const objects = new S3Objects(bucket);
    await objects.putText('k', 'größer');
    await objects.putText('k', '', 'text/plain');
    assert.deepEqual(
      proxy.headers.map((headers) => [headers['content-type'], headers['content-length']]),
      [
        ['application/json', '8'],
        ['text/plain', '0'],
      ],
    );
  });

  it('is read as text, and is undefined if it does not exist', async (t) => {
    const { bucket } = await startFakeS3(t, [
      { operation: 'GetObject', serve: Buffer.from('text') },
      { operation: 'GetObject', serve: Buffer.from('') },
      { operation: 'GetObject', sendError: { status: 404, code: 'NoSuchKey' } },
    ]);
    const objects = new S3Objects(bucket);
    assert.equal(await objects.getText('k'), 'text');
    assert.equal(await objects.getText('k'), '');
    assert.equal(await objects.getText('k'), undefined);
  });
});

function requestedChecksums({ headers }: S3Proxy): (string | string[] | undefined)[] {
  return headers.map((sent) => sent['x-amz-checksum-algorithm']);
}

function part(number: number): string {
  return `<Part><PartNumber>${number}</PartNumber><ETag>"${number}"</ETag></Part>`;
}

async function listPartNumbers(uploads: MultipartUploads): Promise<number[] | undefined> {
  return (await uploads.listParts(UPLOAD))?.map(({ number }) => number);
}

function createdResponse(headers: Record<string, string> = {}): S3Fault {
  const body = '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>';
  return xml('CreateMultipartUpload', body, headers);
}

function objectResponse(size: number): S3Fault {
  return { operation: 'HeadObject', serve: Buffer.alloc(0), headers: { 'content-length': String(size) } };
}

async function createSpooledFile(t: TestContext) {
  const path = join(await temporaryFolder(t), '0');
  await writeFile(path, 'x');
  return { file: new SpooledFile(path, { markCached() {}, release() {} }), length: 1, checksum: { sha256: 'ab' } };
}
