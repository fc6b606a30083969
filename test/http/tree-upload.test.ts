import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Hex } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { attributes, FORM, filePart, form, sendForm, upload } from './forms.ts';

const bytes = seededBytes(300_001, 'tree-upload');
const MIB = 1024 * 1024;
const MAX_SIZE = 1000 * MIB;

let server: TestServer;
let api: Api;

before(async () => {
  server = await startServer({ env: { PARTWAY_MAX_FILE_SIZE: String(MAX_SIZE) } });
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

const attributesFor = (name: string, more = {}) => attributes({ name, parent: { id: '0' }, ...more });
const send = (body: unknown, headers = {}) => sendForm(api, '/files/content', body, headers);

function assertRejected(answer: { status: number; json: { code: string } }, status: number, code: string) {
  assert.deepEqual([answer.status, answer.json.code], [status, code]);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await sleep(10)) assert.ok(Date.now() < end, `never: ${what}`);
}

test('a direct upload returns the file in its standard form', async () => {
  const answer = await send(form(attributesFor('shape.txt', { description: 'about' }), filePart(bytes)));

  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.json.total_count, 1);
  const [file] = answer.json.entries;
  const { id, file_version: version, created_at: now, owned_by: owner } = file;
  const root = { type: 'folder', id: '0', sequence_id: null, etag: null, name: 'All Files' };
  assert.match(now, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual(file, {
    type: 'file',
    id,
    file_version: { type: 'file_version', id: version.id, sha1: sha1Hex(bytes) },
    sequence_id: '0',
    etag: '0',
    sha1: sha1Hex(bytes),
    name: 'shape.txt',
    description: 'about',
    size: bytes.length,
    path_collection: { total_count: 1, entries: [root] },
    created_at: now,
    modified_at: now,
    trashed_at: null,
    purged_at: null,
    content_created_at: now,
    content_modified_at: now,
    created_by: owner,
    modified_by: owner,
    owned_by: owner,
    shared_link: null,
    parent: root,
    item_status: 'active',
  });
  assert.deepEqual(Object.keys(owner), ['type', 'id', 'name', 'login']);
  assert.deepEqual((await api.get(`/files/${id}`)).json, file);
});

for (const disposition of [
  'name="file"; filename="other.bin"',
  'name="content"; filename="content"',
  'name="contents"; filename="unused"',
  'name="file"; filename=""',
  'name="file"',
]) {
  test(`the file part can be ${disposition}`, async () => {
    const name = `${disposition.replaceAll(/\W/g, '')}.bin`;

    const answer = await send(form(attributesFor(name), { disposition, body: bytes }));

    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.json.entries[0].name, name);
    assert.equal(answer.json.entries[0].sha1, sha1Hex(bytes));
  });
}

for (const type of ['application/json', 'application/octet-stream', 'text/plain; charset=UTF-8']) {
  test(`attributes can have the type ${type}`, async () => {
    const name = `${type.replaceAll(/\W/g, '')} ü.bin`;

    const answer = await send(form(attributes({ name, parent: { id: '0' } }, type), filePart(bytes)));

    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.json.entries[0].name, name);
  });
}

test('a chunked body arrives complete, however it is split, even for an empty file', async () => {
  for (const [name, content] of [
    ['chunked.bin', bytes],
    ['empty.bin', Buffer.alloc(0)],
  ] as const) {
    const whole = form(attributesFor(name), filePart(content));
    async function* chunks() {
      for (let at = 0, size = 1; at < whole.length; at += size, size = (size * 3) % 50_021) {
        yield whole.subarray(at, at + size);
      }
    }

    const answer = await send(chunks());

    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual(await api.download(answer.json.entries[0].id), Buffer.from(content));
  }
});

test('content dates are returned to the second', async () => {
  const dates = { content_created_at: '2012-12-12T10:53:43-08:00', content_modified_at: '2013-01-02T03:04:05.678Z' };

  const answer = await send(form(attributesFor('dated.bin', dates), filePart('a')));

  const [file] = answer.json.entries;
  assert.equal(file.content_created_at, '2012-12-12T18:53:43Z');
  assert.equal(file.content_modified_at, '2013-01-02T03:04:05Z');
  assertRejected(
    await send(form(attributesFor('d', { content_created_at: 'soon' }), filePart('a'))),
    400,
    'bad_request',
  );
});

test('content-md5 is the SHA-1 in hex, and bytes that do not match it are not stored', async () => {
  const headers = { 'content-md5': sha1Hex(bytes).toUpperCase() };

  assertRejected(await send(form(attributesFor('proven'), filePart('other')), headers), 400, 'bad_digest');
  assertRejected(await send(form(attributesFor('proven'), filePart(bytes)), { 'content-md5': 'x' }), 400, 'bad_digest');
  assert.equal((await send(form(attributesFor('proven'), filePart(bytes)), headers)).status, 201);
});

test('a form that is not attributes followed by one file is rejected with its own error code', async () => {
  const late = form(filePart(bytes), attributesFor('late'));
  assertRejected(await send(late), 400, 'metadata_after_file_contents');
  const bad = [
    form(attributesFor('none')),
    form(attributesFor('two'), filePart('a'), filePart('b')),
    form({ disposition: 'name="attributes"', body: '{' }, filePart('a')),
    form(attributesFor('cut'), filePart(bytes)).subarray(0, 200_000),
    form(attributesFor('cut'), filePart(bytes)).subarray(0, -4),
    Buffer.alloc(0),
  ];
  for (const body of bad) assertRejected(await send(body), 400, 'bad_request');
  assertRejected(await send(late, { 'content-type': 'application/json' }), 400, 'bad_request');
  assertRejected(await send(late, { 'content-type': 'multipart/form-data' }), 400, 'bad_request');
  for (const [field, code] of [
    [{ parent: { id: '0' } }, 'missing_file_name'],
    [{ name: 'a' }, 'missing_destination'],
    [{ name: 'a', parent: { id: 'x' } }, 'invalid_folder_id'],
    [{ name: 'a/b', parent: { id: '0' } }, 'item_name_invalid'],
  ] as const) {
    assertRejected(await send(form(attributes(field), filePart('a'))), 400, code);
  }
});

test('a name that is in use is rejected, with the file that has it as an object', async () => {
  const file = await upload(api, 'taken.bin', 'a');

  const answer = await send(form(attributesFor('TAKEN.bin'), filePart(bytes)));

  assertRejected(answer, 409, 'item_name_in_use');
  const { type, id, file_version, sequence_id, etag, sha1, name } = file;
  assert.deepEqual(answer.json.context_info.conflicts, { type, id, file_version, sequence_id, etag, sha1, name });
});

test('an error in the middle of a body leaves the connection usable for the next call', async () => {
  const { Agent } = await import('node:http');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (name: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { ...FORM, authorization: `Bearer ${server.token}` };
      const sent = request(`${server.url}/2.0/files/content`, { method: 'POST', agent, headers }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      });
      sent.on('error', reject).end(form(attributesFor(name), filePart(Buffer.alloc(4 * MIB))));
    });

  assert.deepEqual([await ask('a/b'), await ask('fit.bin'), await ask('fit.bin')], [400, 201, 409]);
  agent.destroy();
});

test('a new version keeps the ID, can change the name, and respects If-Match', async () => {
  const file = await upload(api, 'versions.bin', 'one');
  const path = `/files/${file.id}/content`;
  const next = (body: Buffer, headers = {}) => sendForm(api, path, body, headers);

  const answer = await next(form(attributes({ name: 'renamed.bin' }), filePart('two')), { 'if-match': '0' });

  assert.equal(answer.status, 201, answer.text);
  const [changed] = answer.json.entries;
  assert.deepEqual([changed.id, changed.name, changed.etag, changed.size], [file.id, 'renamed.bin', '1', 3]);
  assertRejected(await next(form(attributes({}), filePart('x')), { 'if-match': '"0"' }), 412, 'precondition_failed');
  assert.equal((await next(form(attributes({}), filePart('three')))).json.entries[0].name, 'renamed.bin');
  const other = await upload(api, 'versions.bin', 'free again');
  assertRejected(await next(form(attributes({ name: other.name }), filePart('x'))), 409, 'item_name_in_use');
  const missing = form(attributes({}), filePart('x'));
  assertRejected(await sendForm(api, '/files/12345/content', missing), 404, 'not_found');
  assertRejected(await sendForm(api, '/files/12345/content', missing, { 'if-match': '0' }), 412, 'precondition_failed');
});

test('a body that is announced as too large is rejected before it is sent', async () => {
  const headers = {
    ...FORM,
    authorization: `Bearer ${server.token}`,
    'content-length': 2 * MAX_SIZE,
    expect: '100-continue',
  };
  const sent = request(`${server.url}/2.0/files/content`, { method: 'POST', headers });
  let continued = false;
  sent.on('continue', () => {
    continued = true;
  });
  sent.flushHeaders();

  const status = await new Promise((resolve, reject) => {
    sent.on('response', (answer) => resolve(answer.statusCode)).on('error', reject);
  });

  sent.on('error', () => {}).destroy();
  assert.deepEqual([status, continued], [403, false]);
});

test('interrupted uploads leave no bytes and no open files', { skip: process.platform !== 'linux' }, async () => {
  // Threads and connections can come and go in the meantime. So count only files, and not those of SQLite.
  const openFiles = () => readdirSync(`/proc/${server.pid}/fd`).filter((fd) => isUploadFile(server.pid, fd)).length;
  const staged = () => readdirSync(join(server.dataFolder, bytesNotOnDisk ? 'spool' : 'staging')).length;
  const before = openFiles();
  const half = form(attributesFor('cut.bin'), filePart(bytes)).subarray(0, 150_000);
  const cuts = Array.from({ length: 30 }, () => {
    const headers = { ...FORM, authorization: `Bearer ${server.token}` };
    const sent = request(`${server.url}/2.0/files/content`, { method: 'POST', headers, agent: false });
    sent.on('error', () => {}).write(half);
    return sent;
  });
  await until('all uploads are in progress', () => staged() === cuts.length);

  for (const sent of cuts) sent.destroy();

  await until('all bytes are deleted', () => staged() === 0);
  await until('all files are closed', () => openFiles() <= before);
  assert.equal((await send(form(attributesFor('cut.bin'), filePart(bytes)))).status, 201);
});

function isUploadFile(pid: number, fd: string): boolean {
  try {
    const file = readlinkSync(`/proc/${pid}/fd/${fd}`, { encoding: 'utf8' });
    return file.startsWith('/') && !file.includes('.sqlite');
  } catch {
    // Closed since it was listed.
    return false;
  }
}

test('a body is never held in memory', { skip: process.platform !== 'linux' }, async () => {
  const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024;
  const before = peak();
  const whole = form(attributesFor('large.bin'), filePart(''));
  const tail = whole.length - '\r\n--partway-test-boundary--\r\n'.length;
  const headers = { ...FORM, authorization: `Bearer ${server.token}` };
  const sent = request(`${server.url}/2.0/files/content`, { method: 'POST', headers });
  const answered = new Promise<number>((resolve, reject) => {
    sent.on('response', (answer) => resolve(answer.resume().statusCode ?? 0)).on('error', reject);
  });
  sent.write(whole.subarray(0, tail));
  for (let sentMib = 0; sentMib < 400; sentMib += 1) {
    if (!sent.write(Buffer.alloc(MIB))) await new Promise((resolve) => sent.once('drain', resolve));
  }
  sent.end(whole.subarray(tail));

  assert.equal(await answered, 201);
  assert.ok(peak() - before < 150, `${Math.round(peak() - before)} MiB more than before`);
});
