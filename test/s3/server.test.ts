import assert from 'node:assert/strict';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { beginPart, type PartOnTheWay } from '../faults/part-on-the-way.ts';
import { smallDisk } from '../faults/small-disk.ts';
import { Refused, WireClient, type WireFile, type WirePart } from '../faults/wire-client.ts';
import { addApp, addUser, getUserToken } from '../support/accounts.ts';
import { seededBytes, sha1Hex, splitIntoParts } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { s3Settings } from '../support/storage.ts';
import { type S3Fault, type S3Proxy, startS3Proxy } from './s3-proxy.ts';
import { freshPlace, LEAST_PART, s3Url, TEST_BUCKET, timeFor, whyNoS3 } from './test-store.ts';

const PART = Math.max(262_144, LEAST_PART);
const ENV = { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '0' };

const TROUBLES: [sentence: string, ...faults: S3Fault[]][] = [
  ['S3 answers 500 to everything once', ...onEach({ answer: { status: 500, code: 'InternalError' } })],
  ['S3 says SlowDown to everything three times', ...onEach({ answer: { status: 503, code: 'SlowDown' }, times: 3 })],
  ['S3 takes a part and never answers', { operation: 'UploadPart', silent: true }],
  ['the line to S3 is cut half-way through parts', { operation: 'UploadPart', cutRequestAfter: PART / 2, times: 3 }],
  ['every first answer of S3 is cut half-way', ...onEach({ cutAnswerAfter: 50 })],
  ['S3 does everything and the first answers are lost', ...onEach({ loseAnswer: true })],
  [
    'S3 says 200 to a commit and means an error',
    { operation: 'CompleteMultipartUpload', answer: { status: 200, code: 'InternalError' } },
  ],
];

describe('a file of which the way to S3 is troubled has the right SHA-1 at the end', {
  skip: whyNoS3 ?? false,
  timeout: timeFor(120_000),
}, () => {
  let proxy: S3Proxy;
  let server: TestServer;
  before(async () => {
    proxy = await startS3Proxy();
    server = await startServer({
      env: { ...ENV, ...s3Settings(proxy.url, `s3://${TEST_BUCKET}/${freshPlace().prefix}`) },
    });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });

  for (const [trouble, ...faults] of TROUBLES) {
    it(`where ${trouble}`, async () => {
      proxy.faults.push(...faults.map((fault) => ({ ...fault })));
      await uploadAndCompare(server, `${trouble}.bin`);
      assert.equal(proxy.faults.length, 0, 'nothing went wrong');
    });
  }

  it('where S3 refuses connections for three seconds in the middle', async () => {
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
    await assertSame(client, await client.commit(session.id, parts, bytes), bytes);
  });

  it('where S3 is away longer than anybody waits: the client is told to come again, and comes', async () => {
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
    assertToldToComeAgain(told);
    assert.deepEqual(await client.list(session.id), parts);
    await proxy.accept();
    parts.push(await client.put(session.id, second.offset, second.bytes, bytes.length));
    await assertSame(client, await client.commit(session.id, parts, bytes), bytes);
  });

  it('where downloads break off, again and again', async () => {
    const { file, bytes } = await uploadAndCompare(server, 'to be read.bin');
    for (let n = 0; n < 6; n += 1) proxy.faults.push({ operation: 'GetObject', cutAnswerAfter: PART / 2 + n });
    await assertSame(new WireClient(server), file, bytes);
    assert.equal(proxy.faults.length, 0, 'nothing went wrong');
  });

  it('where a download cannot begin: the answer says nothing of the bytes that do not follow', async () => {
    const { file } = await uploadAndCompare(server, 'not to be read.bin');
    proxy.faults.push({ operation: 'GetObject', answer: { status: 403, code: 'AccessDenied' } });
    const answer = await fetch(`${server.url}/2.0/files/${file.id}/content`, {
      headers: { authorization: `Bearer ${server.token}`, range: 'bytes=5-9' },
    });
    assert.equal(answer.status, 500);
    for (const name of ['content-range', 'accept-ranges', 'etag', 'last-modified', 'content-disposition']) {
      assert.equal(answer.headers.get(name), null, name);
    }
    assert.equal(((await answer.json()) as { code: string }).code, 'internal_server_error');
  });

  it('counts at S3: one call to begin, one for each part, one for the commit', async () => {
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
  it('answers parts with 503, keeps what it has, and takes the rest in the same session once there is room', async (t) => {
    const size = Math.max(2 ** 20, LEAST_PART);
    await using disk = await smallDisk(`${8 * size}`);
    if (disk.reason !== undefined) return t.skip(disk.reason);
    await using under = await smallDisk('64m');
    if (under.reason !== undefined) return t.skip(under.reason);
    const dataFolder = join(under.folder, 'data');
    await mkdir(dataFolder);
    await symlink(disk.folder, join(dataFolder, 'spool'));
    const env = {
      ...ENV,
      PARTWAY_PART_SIZE: String(size),
      ...s3Settings(s3Url(), `s3://${TEST_BUCKET}/${freshPlace().prefix}`),
    };
    await using server = await startServer({ dataFolder, env });
    const client = new WireClient(server);
    const bytes = seededBytes(6 * size + 1, 'a full spool');
    const session = await client.create('full.bin', bytes.length);
    const [first, ...others] = splitIntoParts(bytes, size);
    assert.ok(first);
    const parts: WirePart[] = [await client.put(session.id, first.offset, first.bytes, bytes.length)];

    // The digest has read the part, and its room is filled too.
    while ((await readdir(disk.folder)).length > 0) await sleep(10);
    const ballast = join(disk.folder, 'ballast');
    await writeFile(ballast, Buffer.alloc(8 * size)).catch(() => {});
    for (const part of others.slice(0, 3)) {
      assertToldToComeAgain(
        await client.put(session.id, part.offset, part.bytes, bytes.length).catch((error) => error),
      );
    }
    assert.deepEqual(await client.list(session.id), parts);

    await rm(ballast);
    for (const part of others) parts.push(await client.put(session.id, part.offset, part.bytes, bytes.length));
    await assertSame(client, await client.commit(session.id, parts, bytes), bytes);
  });
});

describe('a server on S3 with a user who is slow', { skip: whyNoS3 ?? false, timeout: 120_000 }, () => {
  it('takes the parts of others at once, however many of that user are under way', async () => {
    const env = {
      ...ENV,
      PARTWAY_PART_SIZE: '8MiB',
      PARTWAY_MAX_FILE_SIZE: '1GiB',
      PARTWAY_SPOOL_SIZE: '64MiB',
      ...s3Settings(s3Url(), `s3://partway-test/${freshPlace().prefix}`),
    };
    await using server = await startServer({ env });
    const token = await getUserToken(server, await addApp(server), await addUser(server, 'slow@partway.test'));
    const slow = { url: server.url, token };
    const part = seededBytes(8 * 2 ** 20, 'slow');
    const { promise: isHalfFull, resolve } = Promise.withResolvers<void>();
    const under: PartOnTheWay[] = [];
    let over = false;
    // As much as the spool holds; all but the last byte of each may take its time.
    for (let n = 0; n < 8; n += 1) {
      const { id } = await new WireClient(slow).create(`slow-${n}.bin`, part.length);
      beginPart(slow, id, part, part.length).then(
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
    await assertSame(client, await client.commit(session.id, parts, bytes), bytes);
    assert.equal(under.length, 4);
    over = true;
    for (const { put } of under) put.destroy();
  });
});

/** A fault at each call that an upload makes. */
function onEach(fault: Omit<S3Fault, 'operation'>): S3Fault[] {
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
  await assertSame(client, file, bytes);
  return { file, bytes };
}

async function assertSame(client: WireClient, file: WireFile, bytes: Buffer): Promise<void> {
  assert.equal(file.sha1, sha1Hex(bytes));
  assert.equal(await client.sha1Of(file.id), file.sha1);
}

function assertToldToComeAgain(error: unknown): void {
  assert.ok(error instanceof Refused, String(error));
  assert.equal(error.status, 503, error.message);
  assert.equal(error.code, 'unavailable');
  assert.ok(Number(error.retryAfter) > 0, 'Retry-After');
}
