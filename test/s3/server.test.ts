import assert from 'node:assert/strict';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PartInProgress, startPart } from '../faults/part-in-progress.ts';
import { mountSmallDisk } from '../faults/small-disk.ts';
import { ErrorResponse, WireClient, type WireFile, type WirePart } from '../faults/wire-client.ts';
import { addApp, addUser, getUserToken } from '../support/accounts.ts';
import { seededBytes, sha1Hex, splitIntoParts } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { s3Settings } from '../support/storage.ts';
import { type S3Fault, type S3Proxy, startS3Proxy } from './s3-proxy.ts';
import { MIN_PART, newLocation, s3Url, TEST_BUCKET, timeFor, whyNoS3 } from './test-store.ts';

const PART = Math.max(262_144, MIN_PART);
const ENV = { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '0' };

const FAULTS: [sentence: string, ...faults: S3Fault[]][] = [
  ['S3 responds 500 to every call once', ...atEachCall({ sendError: { status: 500, code: 'InternalError' } })],
  [
    'S3 responds SlowDown to every call three times',
    ...atEachCall({ sendError: { status: 503, code: 'SlowDown' }, times: 3 }),
  ],
  ['S3 accepts a part and never responds', { operation: 'UploadPart', silent: true }],
  [
    'the connection to S3 is cut halfway through parts',
    { operation: 'UploadPart', cutRequestAfter: PART / 2, times: 3 },
  ],
  ['every first response of S3 is cut halfway', ...atEachCall({ cutAnswerAfter: 50 })],
  ['the first responses of S3 are lost', ...atEachCall({ loseResponse: true })],
  [
    'S3 responds 200 to a commit with an error in the body',
    { operation: 'CompleteMultipartUpload', sendError: { status: 200, code: 'InternalError' } },
  ],
];

describe('a file has the right SHA-1 in the end', {
  skip: whyNoS3 ?? false,
  timeout: timeFor(120_000),
}, () => {
  let proxy: S3Proxy;
  let server: TestServer;
  before(async () => {
    proxy = await startS3Proxy();
    server = await startServer({
      env: { ...ENV, ...s3Settings(proxy.url, `s3://${TEST_BUCKET}/${newLocation().prefix}`) },
    });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });

  for (const [trouble, ...faults] of FAULTS) {
    it(`if ${trouble}`, async () => {
      proxy.faults.push(...faults.map((fault) => ({ ...fault })));
      await uploadAndCompare(server, `${trouble}.bin`);
      assert.equal(proxy.faults.length, 0, 'no fault occurred');
    });
  }

  it('if S3 refuses connections for three seconds', async () => {
    const client = new WireClient(server);
    const bytes = seededBytes(5 * PART + 1, 'refused');
    const session = await client.create('refused.bin', bytes.length);
    const [first, ...others] = splitIntoParts(bytes, PART);
    assert.ok(first);
    const parts = [await client.put(session.id, first.offset, first.bytes, bytes.length)];
    await proxy.refuse();
    const sending = Promise.all(others.map((part) => client.put(session.id, part.offset, part.bytes, bytes.length)));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await proxy.accept();
    parts.push(...(await sending));
    await assertDownload(client, await client.commit(session.id, parts, bytes), bytes);
  });

  it('if S3 is unreachable longer than the server waits, and the client retries', async () => {
    const client = new WireClient(server);
    const bytes = seededBytes(PART + 1, 'away');
    const session = await client.create('away.bin', bytes.length);
    const [first, second] = splitIntoParts(bytes, PART);
    assert.ok(first && second);
    const parts = [await client.put(session.id, first.offset, first.bytes, bytes.length)];
    await proxy.refuse();
    const told = await client
      .put(session.id, second.offset, second.bytes, bytes.length)
      .catch((error: unknown) => error);
    assertUnavailable(told);
    assert.deepEqual(await client.list(session.id), parts);
    await proxy.accept();
    parts.push(await client.put(session.id, second.offset, second.bytes, bytes.length));
    await assertDownload(client, await client.commit(session.id, parts, bytes), bytes);
  });

  it('if downloads are interrupted repeatedly', async () => {
    const { file, bytes } = await uploadAndCompare(server, 'to be read.bin');
    for (let n = 0; n < 6; n += 1) proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: PART / 2 + n });
    await assertDownload(new WireClient(server), file, bytes);
    assert.equal(proxy.faults.length, 0, 'no fault occurred');
  });

  it("or an error response without the file's headers if a download cannot start", async () => {
    const { file } = await uploadAndCompare(server, 'not to be read.bin');
    proxy.faults.push({ operation: 'GetObject', sendError: { status: 403, code: 'AccessDenied' } });
    const answer = await fetch(`${server.url}/2.0/files/${file.id}/content`, {
      headers: { authorization: `Bearer ${server.token}`, range: 'bytes=5-9' },
    });
    assert.equal(answer.status, 500);
    for (const name of ['content-range', 'accept-ranges', 'etag', 'last-modified', 'content-disposition']) {
      assert.equal(answer.headers.get(name), null, name);
    }
    assert.equal(((await answer.json()) as { code: string }).code, 'internal_server_error');
  });

  it('with one call to S3 at the start, one per part and one for the commit', async () => {
    proxy.calls.length = 0;
    await uploadAndCompare(server, 'counted.bin');
    const of = (...operations: string[]) => proxy.calls.filter((call) => operations.includes(call)).length;
    assert.equal(of('CreateMultipartUpload'), 1);
    assert.equal(of('UploadPart'), 8);
    assert.equal(of('CompleteMultipartUpload'), 1);
    assert.equal(of('ListParts', 'HeadObject', 'PutObject', 'AbortMultipartUpload'), 0);
  });
});

describe('a server on S3 whose spool is on a full disk', { skip: whyNoS3 ?? false, timeout: timeFor(60_000) }, () => {
  it('responds 503 to parts, keeps its data, and accepts the rest in the same session when there is space', async (t) => {
    const size = Math.max(2 ** 20, MIN_PART);
    await using disk = await mountSmallDisk(`${8 * size}`);
    if (disk.reason !== undefined) return t.skip(disk.reason);
    await using under = await mountSmallDisk('64m');
    if (under.reason !== undefined) return t.skip(under.reason);
    const dataFolder = join(under.folder, 'data');
    await mkdir(dataFolder);
    await symlink(disk.folder, join(dataFolder, 'spool'));
    const env = {
      ...ENV,
      PARTWAY_PART_SIZE: String(size),
      ...s3Settings(s3Url(), `s3://${TEST_BUCKET}/${newLocation().prefix}`),
    };
    await using server = await startServer({ dataFolder, env });
    const client = new WireClient(server);
    const bytes = seededBytes(6 * size + 1, 'a full spool');
    const session = await client.create('full.bin', bytes.length);
    const [first, ...others] = splitIntoParts(bytes, size);
    assert.ok(first);
    const parts: WirePart[] = [await client.put(session.id, first.offset, first.bytes, bytes.length)];

    // The part has been hashed, and its space is filled too.
    while ((await readdir(disk.folder)).length > 0) await sleep(10);
    const ballast = join(disk.folder, 'ballast');
    await writeFile(ballast, Buffer.alloc(8 * size)).catch(() => {});
    for (const part of others.slice(0, 3)) {
      assertUnavailable(await client.put(session.id, part.offset, part.bytes, bytes.length).catch((error) => error));
    }
    assert.deepEqual(await client.list(session.id), parts);

    await rm(ballast);
    for (const part of others) parts.push(await client.put(session.id, part.offset, part.bytes, bytes.length));
    await assertDownload(client, await client.commit(session.id, parts, bytes), bytes);
  });
});

describe('a server on S3 with a slow user', { skip: whyNoS3 ?? false, timeout: 120_000 }, () => {
  it('accepts the parts of others immediately, however many parts of that user are in progress', async () => {
    const env = {
      ...ENV,
      PARTWAY_PART_SIZE: '8MiB',
      PARTWAY_MAX_FILE_SIZE: '1GiB',
      PARTWAY_SPOOL_SIZE: '64MiB',
      ...s3Settings(s3Url(), `s3://partway-test/${newLocation().prefix}`),
    };
    await using server = await startServer({ env });
    const token = await getUserToken(server, await addApp(server), await addUser(server, 'slow@partway.test'));
    const slow = { url: server.url, token };
    const part = seededBytes(8 * 2 ** 20, 'slow');
    const { promise: isHalfFull, resolve } = Promise.withResolvers<void>();
    const under: PartInProgress[] = [];
    let over = false;
    // As much as the spool can store; the last byte of each takes its time.
    for (let n = 0; n < 8; n += 1) {
      const { id } = await new WireClient(slow).create(`slow-${n}.bin`, part.length);
      startPart(slow, id, part, part.length).then(
        (begun) => {
          begun.answer.catch(() => {});
          if (over) begun.put.destroy();
          else if (under.push(begun) === 4) resolve();
        },
        () => {},
      );
    }
    await isHalfFull;

    const client = new WireClient(server);
    const bytes = seededBytes(2 * part.length, 'of another');
    const session = await client.create('other.bin', bytes.length);
    const parts: WirePart[] = [];
    for (const { offset, bytes: its } of splitIntoParts(bytes, part.length)) {
      parts.push(await client.put(session.id, offset, its, bytes.length));
    }
    await assertDownload(client, await client.commit(session.id, parts, bytes), bytes);
    assert.equal(under.length, 4);
    over = true;
    for (const { put } of under) put.destroy();
  });
});

/** The fault at each call that an upload makes. */
function atEachCall(fault: Omit<S3Fault, 'operation'>): S3Fault[] {
  const operations = ['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload', 'GetObject'] as const;
  return operations.map((operation) => ({ operation, ...fault }));
}

async function uploadAndCompare(server: TestServer, name: string): Promise<{ file: WireFile; bytes: Buffer }> {
  const client = new WireClient(server);
  const bytes = seededBytes(7 * PART + 1, name);
  const session = await client.create(name, bytes.length);
  const left = splitIntoParts(bytes, PART);
  const parts: WirePart[] = [];
  async function send(): Promise<void> {
    for (let part = left.shift(); part !== undefined; part = left.shift()) {
      parts.push(await client.put(session.id, part.offset, part.bytes, bytes.length));
    }
  }
  await Promise.all([send(), send(), send(), send()]);
  const file = await client.commit(session.id, parts, bytes);
  await assertDownload(client, file, bytes);
  return { file, bytes };
}

async function assertDownload(client: WireClient, file: WireFile, bytes: Buffer): Promise<void> {
  assert.equal(file.sha1, sha1Hex(bytes));
  assert.equal(await client.downloadSha1(file.id), file.sha1);
}

function assertUnavailable(error: unknown): void {
  assert.ok(error instanceof ErrorResponse, String(error));
  assert.equal(error.status, 503, error.message);
  assert.equal(error.code, 'unavailable');
  assert.ok(Number(error.retryAfter) > 0, 'Retry-After');
}
