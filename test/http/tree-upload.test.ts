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
const MOST = 1000 * MIB;

let server: TestServer;
let api: Api;

before(async () => {
  server = await startServer({ env: { PARTWAY_MAX_FILE_SIZE: String(MOST) } });
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

const named = (name: string, more = {}) => attributes({ name, parent: { id: '0' }, ...more });
const send = (body: unknown, headers = {}) => sendForm(api, '/files/content', body, headers);

function assertRefused(answer: { status: number; json: { code: string } }, status: number, code: string) {
  assert.deepEqual([answer.status, answer.json.code], [status, code]);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await sleep(10)) assert.ok(Date.now() < end, `never: ${what}`);
}

test('a direct upload answers with the file in its standard form', async () => {
  const answer = await send(form(named('shape.txt', { description: 'about' }), filePart(bytes)));

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
  test(`the file part may be ${disposition}`, async () => {
    const name = `${disposition.replaceAll(/\W/g, '')}.bin`;

    const answer = await send(form(named(name), { disposition, body: bytes }));

    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.json.entries[0].name, name);
    assert.equal(answer.json.entries[0].sha1, sha1Hex(bytes));
  });
}

for (const type of ['application/json', 'application/octet-stream', 'text/plain; charset=UTF-8']) {
  test(`attributes may be of the type ${type}`, async () => {
    const name = `${type.replaceAll(/\W/g, '')} ü.bin`;

    const answer = await send(form(attributes({ name, parent: { id: '0' } }, type), filePart(bytes)));

    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.json.entries[0].name, name);
  });
}

test('a body in chunked coding, cut anywhere, arrives whole, also in an empty file', async () => {
  for (const [name, content] of [
    ['chunked.bin', bytes],
    ['empty.bin', Buffer.alloc(0)],
  ] as const) {
    const whole = form(named(name), filePart(content));
    async function* pieces() {
      for (let at = 0, size = 1; at < whole.length; at += size, size = (size * 3) % 50_021) {
        yield whole.subarray(at, at + size);
      }
    }

    const answer = await send(pieces());

    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual(await api.download(answer.json.entries[0].id), Buffer.from(content));
  }
});

test('the dates of the content come back to the second', async () => {
  const dates = { content_created_at: '2012-12-12T10:53:43-08:00', content_modified_at: '2013-01-02T03:04:05.678Z' };

  const answer = await send(form(named('dated.bin', dates), filePart('a')));

  const [file] = answer.json.entries;
  assert.equal(file.content_created_at, '2012-12-12T18:53:43Z');
  assert.equal(file.content_modified_at, '2013-01-02T03:04:05Z');
  assertRefused(await send(form(named('d', { content_created_at: 'soon' }), filePart('a'))), 400, 'bad_request');
});

test('content-md5 is the SHA-1 in hex, and bytes that differ from it are not kept', async () => {
  const headers = { 'content-md5': sha1Hex(bytes).toUpperCase() };

  assertRefused(await send(form(named('proven'), filePart('other')), headers), 400, 'bad_digest');
  assertRefused(await send(form(named('proven'), filePart(bytes)), { 'content-md5': 'x' }), 400, 'bad_digest');
  assert.equal((await send(form(named('proven'), filePart(bytes)), headers)).status, 201);
});

test('what is not attributes and then one file is refused by name', async () => {
  const late = form(filePart(bytes), named('late'));
  assertRefused(await send(late), 400, 'metadata_after_file_contents');
  const bad = [
    form(named('none')),
    form(named('two'), filePart('a'), filePart('b')),
    form({ disposition: 'name="attributes"', body: '{' }, filePart('a')),
    form(named('cut'), filePart(bytes)).subarray(0, 200_000),
    form(named('cut'), filePart(bytes)).subarray(0, -4),
    Buffer.alloc(0),
  ];
  for (const body of bad) assertRefused(await send(body), 400, 'bad_request');
  assertRefused(await send(late, { 'content-type': 'application/json' }), 400, 'bad_request');
  assertRefused(await send(late, { 'content-type': 'multipart/form-data' }), 400, 'bad_request');
  for (const [field, code] of [
    [{ parent: { id: '0' } }, 'missing_file_name'],
    [{ name: 'a' }, 'missing_destination'],
    [{ name: 'a', parent: { id: 'x' } }, 'invalid_folder_id'],
    [{ name: 'a/b', parent: { id: '0' } }, 'item_name_invalid'],
  ] as const) {
    assertRefused(await send(form(attributes(field), filePart('a'))), 400, code);
  }
});

test('a taken name is refused, with the file that has it as an object', async () => {
  const file = await upload(api, 'taken.bin', 'a');

  const answer = await send(form(named('TAKEN.bin'), filePart(bytes)));

  assertRefused(answer, 409, 'item_name_in_use');
  const { type, id, file_version, sequence_id, etag, sha1, name } = file;
  assert.deepEqual(answer.json.context_info.conflicts, { type, id, file_version, sequence_id, etag, sha1, name });
});

test('a refusal in the middle of a body leaves the connection fit for the next call', async () => {
  const { Agent } = await import('node:http');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (name: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { ...FORM, authorization: `Bearer ${server.token}` };
      const sent = request(`${server.url}/2.0/files/content`, { method: 'POST', agent, headers }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      });
      sent.on('error', reject).end(form(named(name), filePart(Buffer.alloc(4 * MIB))));
    });

  assert.deepEqual([await ask('a/b'), await ask('fit.bin'), await ask('fit.bin')], [400, 201, 409]);
  agent.destroy();
});

test('a new version keeps the id, takes another name, and holds to if-match', async () => {
  const file = await upload(api, 'versions.bin', 'one');
  const path = `/files/${file.id}/content`;
  const next = (body: Buffer, headers = {}) => sendForm(api, path, body, headers);

  const answer = await next(form(attributes({ name: 'renamed.bin' }), filePart('two')), { 'if-match': '0' });

  assert.equal(answer.status, 201, answer.text);
  const [changed] = answer.json.entries;
  assert.deepEqual([changed.id, changed.name, changed.etag, changed.size], [file.id, 'renamed.bin', '1', 3]);
  assertRefused(await next(form(attributes({}), filePart('x')), { 'if-match': '"0"' }), 412, 'precondition_failed');
  assert.equal((await next(form(attributes({}), filePart('three')))).json.entries[0].name, 'renamed.bin');
  const other = await upload(api, 'versions.bin', 'free again');
  assertRefused(await next(form(attributes({ name: other.name }), filePart('x'))), 409, 'item_name_in_use');
  const missing = form(attributes({}), filePart('x'));
  assertRefused(await sendForm(api, '/files/12345/content', missing), 404, 'not_found');
  assertRefused(await sendForm(api, '/files/12345/content', missing, { 'if-match': '0' }), 412, 'precondition_failed');
});

test('a body announced as too large is refused before it is sent', async () => {
  const headers = {
    ...FORM,
    authorization: `Bearer ${server.token}`,
    'content-length': 2 * MOST,
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

test('uploads that are cut leave no bytes and no open file', { skip: process.platform !== 'linux' }, async () => {
  // Threads and connections may come and go in the meantime, so only files are counted, and not those of SQLite.
  const openFiles = () => readdirSync(`/proc/${server.pid}/fd`).filter((fd) => isOfUpload(server.pid, fd)).length;
  const staged = () => readdirSync(join(server.dataFolder, bytesNotOnDisk ? 'spool' : 'staging')).length;
  const before = openFiles();
  const half = form(named('cut.bin'), filePart(bytes)).subarray(0, 150_000);
  const cuts = Array.from({ length: 30 }, () => {
    const headers = { ...FORM, authorization: `Bearer ${server.token}` };
    const sent = request(`${server.url}/2.0/files/content`, { method: 'POST', headers, agent: false });
    sent.on('error', () => {}).write(half);
    return sent;
  });
  await until('all are under way', () => staged() === cuts.length);

  for (const sent of cuts) sent.destroy();

  await until('all bytes are gone', () => staged() === 0);
  await until('all files are closed', () => openFiles() <= before);
  assert.equal((await send(form(named('cut.bin'), filePart(bytes)))).status, 201);
});

function isOfUpload(pid: number, fd: string): boolean {
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
  const whole = form(named('large.bin'), filePart(''));
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
