import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { Api, type ApiResponse } from '../support/api.ts';
import { seededBytes, sha1Base64 } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { listStoredBlobs } from '../support/storage.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const PART = 65_536;
const SIZE = 2 * PART + 500;
const bytes = seededBytes(SIZE, 'bad-input');
const first = { offset: 0, bytes: bytes.subarray(0, PART), total: SIZE };

let server: TestServer;
let api: Api;

before(async () => {
  const env = { PARTWAY_PART_SIZE: String(PART), PARTWAY_MIN_SESSION_SIZE: '1000', PARTWAY_MAX_FILE_SIZE: '10000000' };
  server = await startServer({ env });
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

/** Asserts that the response is Box's error object, with the same request ID as in the header. */
function assertRejected(answer: ApiResponse, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text);
  const { json } = answer;
  assert.deepEqual([json.type, json.status, json.code], ['error', status, code], answer.text);
  assert.equal(typeof json.message, 'string');
  assert.equal(json.request_id, answer.headers['box-request-id']);
  assert.ok('context_info' in json && 'help_url' in json);
}

async function assertNothingStored(session: string): Promise<void> {
  assert.equal((await api.get(`/files/upload_sessions/${session}`)).json.num_parts_processed, 0);
}

const FILE = { folder_id: '0', file_size: SIZE, file_name: 'never.bin' };
const BAD_BODIES: [string, unknown, number, string][] = [
  ['no folder', { ...FILE, folder_id: undefined }, 400, 'missing_destination'],
  ['an invalid folder ID', { ...FILE, folder_id: 'root' }, 400, 'invalid_folder_id'],
  ['a folder that does not exist', { ...FILE, folder_id: '123456' }, 404, 'invalid_parameter'],
  ['no name', { ...FILE, file_name: undefined }, 400, 'missing_file_name'],
  ['an empty name', { ...FILE, file_name: '' }, 400, 'item_name_invalid'],
  ['a name with a slash', { ...FILE, file_name: '../etc/passwd' }, 400, 'item_name_invalid'],
  ['a name of 256 characters', { ...FILE, file_name: 'x'.repeat(256) }, 400, 'item_name_too_long'],
  ['no size', { ...FILE, file_size: undefined }, 400, 'missing_file_size'],
  ['a size of -1', { ...FILE, file_size: -1 }, 400, 'invalid_file_size'],
  ['a size of 0', { ...FILE, file_size: 0 }, 400, 'file_size_too_small'],
  ['a size of 1.5', { ...FILE, file_size: 1.5 }, 400, 'invalid_file_size'],
  ['a size of "x"', { ...FILE, file_size: 'x' }, 400, 'invalid_file_size'],
  ['a size below the minimum', { ...FILE, file_size: 999 }, 400, 'file_size_too_small'],
  ['a size of 2^60', { ...FILE, file_size: 2 ** 60 }, 403, 'file_size_limit_exceeded'],
  ['a size above the maximum', { ...FILE, file_size: 10_000_001 }, 403, 'file_size_limit_exceeded'],
  ['malformed JSON', '{"folder_id": "0",', 400, 'bad_request'],
  ['an array as its body', '[]', 400, 'bad_request'],
  ['null as its body', 'null', 400, 'bad_request'],
  ['no body', undefined, 400, 'bad_request'],
];
for (const [what, body, status, code] of BAD_BODIES) {
  test(`a session request with ${what} is rejected as ${code}`, async () => {
    assertRejected(await api.post('/files/upload_sessions', body), status, code);
  });
}

test('a JSON body above the size limit is rejected, with and without Content-Length', async () => {
  const huge = JSON.stringify({ ...FILE, padding: 'x'.repeat(100_000) });
  assertRejected(await api.post('/files/upload_sessions', huge), 413, 'request_entity_too_large');
  const endless = (async function* () {
    for (let sent = 0; sent < 100_000; sent += 1000) yield Buffer.alloc(1000, ' ');
  })();
  assertRejected(await api.call('POST', '/files/upload_sessions', { body: endless }), 413, 'request_entity_too_large');
});

test('a part that does not match its digest is rejected, and none of its bytes are stored', async () => {
  const session = await api.createSession('digest.bin', SIZE);
  const wrong = { digest: `sha=${sha1Base64(Buffer.from('other'))}` };
  const answer = await api.putPart(session.id, first, wrong);
  assertRejected(answer, 400, 'digest_mismatch');
  assert.ok(
    answer.json.message.includes(sha1Base64(first.bytes)) &&
      answer.json.message.includes(sha1Base64(Buffer.from('other'))),
  );
  await assertNothingStored(session.id);
  assert.equal((await api.putPart(session.id, first)).status, 200);
});

test('a part with a missing or malformed header is rejected with a message that names the header', async () => {
  const session = await api.createSession('headers.bin', SIZE);
  const digest = `sha=${sha1Base64(first.bytes)}`;
  const range = `bytes 0-${PART - 1}/${SIZE}`;
  const put = (headers: Record<string, string>) =>
    api.call('PUT', `/files/upload_sessions/${session.id}`, { headers, body: first.bytes });
  for (const [headers, named] of [
    [{ 'content-range': range }, /digest/],
    [{ digest }, /content-range/],
    [{ digest: 'md5=HUXZLQLMuI/KZ5KDcJPcOA==', 'content-range': range }, /digest/],
    [{ digest: 'sha=x', 'content-range': range }, /digest/],
    [{ digest, 'content-range': 'bytes 0-65535/*' }, /content-range/],
    [{ digest, 'content-range': 'bytes=0-65535' }, /content-range/],
  ] as const) {
    const answer = await put(headers);
    assertRejected(answer, 400, 'bad_request');
    assert.match(answer.json.message, named);
  }
  await assertNothingStored(session.id);
});

test("a range that does not fit the session's part layout is rejected with 416", async () => {
  const session = await api.createSession('ranges.bin', SIZE);
  for (const range of [
    `bytes 1-${PART}/${SIZE}`,
    `bytes 0-${PART - 2}/${SIZE}`,
    `bytes 0-${PART}/${SIZE}`,
    `bytes 0-${PART - 1}/${SIZE + 1}`,
    `bytes ${2 * PART}-${SIZE}/${SIZE}`,
    `bytes ${3 * PART}-${4 * PART - 1}/${SIZE}`,
    `bytes ${SIZE}-${SIZE - 1}/${SIZE}`,
    `bytes 0-9007199254740993/9007199254740994`,
  ]) {
    const answer = await api.call('PUT', `/files/upload_sessions/${session.id}`, {
      headers: { digest: `sha=${sha1Base64(first.bytes)}`, 'content-range': range, 'transfer-encoding': 'chunked' },
      body: first.bytes,
    });
    assertRejected(answer, 416, 'range_not_satisfiable');
  }
  await assertNothingStored(session.id);
});

test('a body shorter or longer than its range is rejected, with and without Content-Length', async () => {
  const session = await api.createSession('length.bin', SIZE);
  for (const length of [0, 1, PART - 1, PART + 1, 4 * PART]) {
    const body = seededBytes(length, 'length');
    for (const framing of [{ 'content-length': length }, { 'transfer-encoding': 'chunked' }]) {
      const headers = { digest: `sha=${sha1Base64(body)}`, 'content-range': `bytes 0-${PART - 1}/${SIZE}`, ...framing };
      const answer = await api.call('PUT', `/files/upload_sessions/${session.id}`, { headers, body });
      assertRejected(answer, 400, 'bad_request');
      assert.match(answer.json.message, new RegExp(String(PART)));
    }
  }
  await assertNothingStored(session.id);
  assert.equal((await api.putPart(session.id, first)).status, 200);
});

test('a chunked body without Content-Length is accepted if its bytes are correct', async () => {
  const session = await api.createSession('chunked.bin', SIZE);
  const answer = await api.call('PUT', `/files/upload_sessions/${session.id}`, {
    headers: {
      digest: `SHA=${sha1Base64(first.bytes)}`,
      'content-range': `bytes 0-${PART - 1}/${SIZE}`,
      'transfer-encoding': 'chunked',
    },
    body: (async function* () {
      for (let at = 0; at < PART; at += 1000) yield first.bytes.subarray(at, at + 1000);
    })(),
  });
  assert.equal(answer.status, 200, answer.text);
});

test('an interrupted body stores nothing, and the part can be sent again', async () => {
  const session = await api.createSession('half.bin', SIZE);
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  const head = [
    `PUT /2.0/files/upload_sessions/${session.id} HTTP/1.1`,
    'host: x',
    `authorization: Bearer ${server.token}`,
    `digest: sha=${sha1Base64(first.bytes)}`,
    `content-range: bytes 0-${PART - 1}/${SIZE}`,
    `content-length: ${PART}`,
    'expect: 100-continue',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  // From here on, this request has the part lock. Otherwise it could get the lock after the request below, and replace
  // that.
  assert.match(String(await once(socket, 'data')), /^HTTP\/1\.1 100 Continue/);
  await new Promise((resolve) => socket.write(first.bytes.subarray(0, PART / 2), resolve));
  socket.destroy();
  await assertNothingStored(session.id);
  assert.equal((await api.putPart(session.id, first)).status, 200);
});

test('a client that waits for 100 Continue never sends a part that is rejected', async () => {
  const session = await api.createSession('continue.bin', SIZE);
  const { hostname, port } = new URL(server.url);
  const ask = async (range: string): Promise<string> => {
    const socket = connect(Number(port), hostname);
    const head = [
      `PUT /2.0/files/upload_sessions/${session.id} HTTP/1.1`,
      'host: x',
      `authorization: Bearer ${server.token}`,
      `digest: sha=${sha1Base64(first.bytes)}`,
      `content-range: ${range}`,
      `content-length: ${PART}`,
      'expect: 100-continue',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    const [chunk] = await new Promise<Buffer[]>((resolve) => socket.once('data', (data) => resolve([data])));
    socket.destroy();
    return String(chunk).split('\r\n')[0] ?? '';
  };
  assert.equal(await ask(`bytes 1-${PART}/${SIZE}`), 'HTTP/1.1 416 Range Not Satisfiable');
  assert.equal(await ask(`bytes 0-${PART - 1}/${SIZE}`), 'HTTP/1.1 100 Continue');
});

test('an invalid session ID is rejected and never becomes a path', async () => {
  for (const id of ['x', '..%2F..%2F..%2Fetc%2Fpasswd', '%00', 'A'.repeat(31), `${'A'.repeat(30)}%2F`]) {
    const answer = await api.get(`/files/upload_sessions/${id}`);
    assertRejected(answer, 400, 'invalid_upload_session_id');
  }
  assertRejected(await api.get(`/files/upload_sessions/${'A'.repeat(32)}`), 404, 'upload_session_not_found');
});

test('an unknown address gets 404 and a known one with another method gets 405, both as JSON', async () => {
  assertRejected(await api.get('/nothing/here'), 404, 'not_found');
  assertRejected(await api.call('PATCH', '/users/me'), 405, 'method_not_allowed');
  const wrongMethod = await api.call('PUT', `/files/upload_sessions/${'A'.repeat(32)}/commit`);
  assert.equal(wrongMethod.status, 405, wrongMethod.text);
  const large = Buffer.alloc(3_000_000);
  assertRejected(await api.call('POST', '/nothing', { body: large }), 404, 'not_found');
  assertRejected(await api.call('POST', '/users/me', { body: large }), 405, 'method_not_allowed');
});

test('a request with two conflicting lengths is rejected', async () => {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    'POST /2.0/files/upload_sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  );
  const text = await new Promise<string>((resolve) => {
    let all = '';
    socket.on('data', (chunk) => {
      all += String(chunk);
    });
    socket.on('close', () => resolve(all));
  });
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.equal(JSON.parse(text.split('\r\n\r\n')[1] ?? '').code, 'bad_request');
});

test('requests for an expired session get 410, and its bytes are deleted', async () => {
  await using short = await startServer({
    env: {
      PARTWAY_PART_SIZE: String(PART),
      PARTWAY_MIN_SESSION_SIZE: '1000',
      PARTWAY_SWEEP_INTERVAL: '50ms',
    },
  });
  const client = new Api(short);
  const session = await client.createSession('expires.bin', SIZE);
  assert.equal((await listStoredBlobs(short.dataFolder)).length, 1);
  const rows = await openTestDatabase(short.dataFolder);
  await rows.updateTable('upload_sessions').set({ expires_at: 1 }).execute();
  await rows.destroy();
  await until(async () => (await client.get(`/files/upload_sessions/${session.id}`)).status !== 200);
  assertRejected(await client.get(`/files/upload_sessions/${session.id}`), 410, 'session_expired');
  assertRejected(await client.putPart(session.id, first), 410, 'session_expired');
  assertRejected(await client.commit(session.id, [{ part_id: '00000000' }], bytes), 410, 'session_expired');
  await until(async () => (await listStoredBlobs(short.dataFolder)).length === 0);
});
