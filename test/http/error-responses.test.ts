import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Base64 } from '../support/bytes.ts';
import { RawConnection, rawRequest } from '../support/raw-connection.ts';
import type { RawResponse } from '../support/responses.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const PART = 65_536;

let server: TestServer;
let api: Api;
let token: string;

before(async () => {
  server = await startServer({
    env: {
      PARTWAY_PART_SIZE: String(PART),
      PARTWAY_MIN_SESSION_SIZE: '1000',
      PARTWAY_BODY_TIMEOUT: '300ms',
      PARTWAY_LOG: 'info',
    },
  });
  api = new Api(server);
  token = `authorization: Bearer ${server.token}`;
});
after(() => server[Symbol.asyncDispose]());

/** Sends bytes on a new connection, half-closes it, and returns all responses. */
async function sendRaw(bytes: string | Uint8Array, methods: readonly string[] = []): Promise<RawResponse[]> {
  const connection = await RawConnection.open(server);
  await connection.send(bytes);
  connection.finish();
  return connection.closed(methods);
}

function assertBoxError(response: RawResponse | undefined, status: number, code: string): void {
  assert.ok(response !== undefined, 'no response arrived');
  assert.equal(response.status, status, response.body);
  const body = JSON.parse(response.body);
  assert.deepEqual([body.type, body.status, body.code], ['error', status, code], response.body);
  assert.equal(body.request_id, response.headers['box-request-id']);
  assert.match(body.request_id, /^[0-9a-f]{16}$/);
  assert.equal(response.headers['content-type'], 'application/json; charset=utf-8');
  assert.ok(typeof body.message === 'string' && 'context_info' in body && 'help_url' in body);
  assert.doesNotMatch(response.body, /FST_|HPE_|ERR_|node:|\.ts\b|at .*:[0-9]+/);
}

const LONG = 'A'.repeat(5_000);
const FOUND_BY_FASTIFY: [string, string, string[], number, string][] = [
  ['a folder ID with an incomplete percent-encoding', 'GET /2.0/folders/100%/items', [], 400, 'bad_request'],
  ['a file ID with an invalid percent-encoding', 'GET /2.0/files/%zz', [], 400, 'bad_request'],
  ['percent-encoding that is not UTF-8', 'GET /api/2.0/files/%ff%fe/content', [], 400, 'bad_request'],
  ['an invalid percent-encoding with a body', 'POST /2.0/files/%/copy', ['content-length: 2'], 400, 'bad_request'],
  ['a session ID of 5,000 characters', `GET /2.0/files/upload_sessions/${LONG}`, [], 400, 'invalid_upload_session_id'],
  ['a file ID of 5,000 characters', `GET /2.0/files/${LONG}`, [], 404, 'not_found'],
  ['an unknown address of 5,000 characters', `GET /${LONG}`, [], 404, 'not_found'],
  ['a method that no route has', 'PROPFIND /2.0/users/me', [], 405, 'method_not_allowed'],
  ['a body that is not JSON', 'POST /2.0/folders', ['content-length: 2', 'content-type: x/y'], 400, 'bad_request'],
  ['a body above the size limit', 'POST /2.0/folders', ['content-length: 99999999'], 413, 'request_entity_too_large'],
];
for (const [what, line, headers, status, code] of FOUND_BY_FASTIFY) {
  test(`${what} is rejected with Box's error object, which does not repeat the address`, async () => {
    const [response, ...others] = await sendRaw(rawRequest(line, [token, ...headers], headers.length > 0 ? '{]' : ''));
    assertBoxError(response, status, code);
    assert.equal(others.length, 0);
    assert.ok(!response?.body.includes('AAAAAAAAAA') && !response?.body.includes('%'.concat('zz')), response?.body);
  });
}

const FOUND_BY_NODE: [string, string, number, string][] = [
  ['an invalid request line', 'HELLO\r\n\r\n', 400, 'bad_request'],
  ['a method that does not exist', rawRequest('FETCH /2.0/users/me'), 400, 'bad_request'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'bad_request'],
  ['a version that does not exist', 'GET /2.0/users/me HTTP/3.7\r\nhost: a\r\n\r\n', 400, 'bad_request'],
  ['headers of 17 KiB', rawRequest('GET /', [`x: ${'x'.repeat(17_000)}`]), 431, 'request_header_fields_too_large'],
  ['an unknown Expect header', rawRequest('GET /2.0/users/me', ['expect: tea']), 417, 'expectation_failed'],
  ['CONNECT', rawRequest('CONNECT example.org:443'), 405, 'method_not_allowed'],
  ['a request without Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400, 'bad_request'],
  ['a transfer coding other than chunked', rawRequest('POST /', ['transfer-encoding: gzip']), 400, 'bad_request'],
  ['two lengths', rawRequest('POST /', ['content-length: 1', 'content-length: 2']), 400, 'bad_request'],
  ['a length that is not a number', rawRequest('POST /', ['content-length: 1e3']), 400, 'bad_request'],
  [
    'a chunk size that is not a number',
    rawRequest('POST /2.0/folders', ['transfer-encoding: chunked'], 'zz\r\n'),
    400,
    'bad_request',
  ],
  ['a header name with a space', rawRequest('GET /', ['a b: c']), 400, 'bad_request'],
  ['a truncated header section', 'GET / HTTP/1.1\r\nhost: a\r\nx: ', 400, 'bad_request'],
  ['a truncated body', rawRequest('POST /oops', ['content-length: 10'], '123'), 404, 'not_found'],
  ['a target that is neither a path nor a URL', rawRequest('GET ftp://a/b'), 400, 'bad_request'],
  ['OPTIONS for the whole server', rawRequest('OPTIONS *'), 400, 'bad_request'],
];
for (const [what, bytes, status, code] of FOUND_BY_NODE) {
  test(`${what} is rejected with Box's error object`, async () => {
    const [response, ...others] = await sendRaw(bytes);
    assertBoxError(response, status, code);
    assert.equal(others.length, 0);
  });
}

test('a request to upgrade to another protocol is answered without an upgrade', async () => {
  const request = rawRequest('GET /2.0/users/me', [token, 'connection: upgrade', 'upgrade: websocket']);
  const [response, ...others] = await sendRaw(request);
  assert.equal(response?.status, 200);
  assert.equal(others.length, 0);
});

test('an invalid request after a HEAD with a body gets an error response with a body', async () => {
  const head = `HEAD /2.0/users/me HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}`;
  const [first, second, ...others] = await sendRaw(`${head}POST http:/ HTTP/1.1\r\nhost: x\r\n\r\n`, ['HEAD', 'POST']);
  assert.deepEqual([first?.body, others], ['', []]);
  assertBoxError(second, 400, 'bad_request');
});

test('an error response to HEAD has no body', async () => {
  for (const [line, status] of [
    ['HEAD /2.0/files/%zz', 400],
    ['HEAD /nothing', 404],
    ['HEAD /2.0/files/1/content', 404],
    ['HEAD /2.0/files/\u00e9', 400],
  ] as const) {
    const [response, ...others] = await sendRaw(rawRequest(line, [token]), ['HEAD']);
    assert.equal(response?.status, status);
    assert.match(response?.headers['box-request-id'] ?? '', /^[0-9a-f]{16}$/);
    assert.equal(others.length, 0);
  }
});

const OAUTH: [string, string, string[], string, number][] = [
  ['an empty form', 'POST /oauth2/token', ['content-length: 0'], '', 400],
  ['a form above the size limit', 'POST /api/oauth2/token', ['content-length: 9999999'], '', 413],
  ['another method', 'GET /oauth2/token', [], '', 405],
  ['an unknown address', 'POST /oauth2/nothing', [], '', 404],
  ['an invalid percent-encoding', 'GET /oauth2/authorize%', [], '', 400],
  ['a chunk size that is not a number', 'POST /oauth2/revoke', ['transfer-encoding: chunked'], 'zz\r\n', 400],
  ['an address that is not ASCII', 'POST /oauth2/token\u00e9', [], '', 400],
  ['an unknown Expect header', 'POST /oauth2/revoke', ['expect: tea', 'content-length: 0'], '', 417],
];
for (const [what, line, headers, body, status] of OAUTH) {
  test(`${what} at an OAuth address is rejected in OAuth's format`, async () => {
    const [response, ...others] = await sendRaw(rawRequest(line, headers, body));
    assert.equal(response?.status, status, response?.body);
    assert.deepEqual(Object.keys(JSON.parse(response?.body ?? '')), ['error', 'error_description']);
    assert.match(response?.headers['box-request-id'] ?? '', /^[0-9a-f]{16}$/);
    assert.equal(others.length, 0);
  });
}

test('invalid bytes get their error after the responses to the requests before them', async () => {
  const me = rawRequest('GET /2.0/users/me', [token]);
  for (const rubbish of ['HELLO\r\n\r\n', rawRequest('CONNECT a:1'), rawRequest('GET /', ['a b: c'])]) {
    const [first, second, third, ...others] = await sendRaw(`${me}${me}${rubbish}`);
    assert.deepEqual([first?.status, second?.status], [200, 200]);
    assert.equal(JSON.parse(third?.body ?? '').type, 'error');
    assert.equal(others.length, 0);
  }
});

const LAST: [string, () => string][] = [
  ['with an invalid address', () => rawRequest('PROPFIND *')],
  ['with an invalid host', () => 'GET /2.0/users/me HTTP/1.1\r\nhost: a b\r\n\r\n'],
  ['without a host', () => 'GET /2.0/users/me HTTP/1.1\r\n\r\n'],
  ['with Connection: close', () => rawRequest('GET /2.0/users/me', [token, 'connection: close'])],
  ['in HTTP/1.0', () => rawRequest('GET /2.0/users/me', [token]).replace('HTTP/1.1', 'HTTP/1.0')],
  [
    'with a body that is too large',
    () => rawRequest('POST /2.0/folders', [token, 'content-length: 100000'], 'x'.repeat(100_000)),
  ],
];
for (const [which, request] of LAST) {
  test(`the response to a request ${which} announces the end of the connection, and nothing follows it`, async () => {
    for (const finishes of [true, false]) {
      const connection = await RawConnection.open(server);
      await connection.send(`${request()}${rawRequest('HEAD /2.0/users/me', [token])}HELLO\r\n\r\n`);
      if (finishes) connection.finish();
      const [last, ...others] = await connection.closed();
      assert.equal(last?.headers.connection, 'close', last?.body);
      assert.equal(others.length, 0);
    }
  });
}

test('a rejected request whose body stalls gets no second response, and its connection is closed', async () => {
  const connection = await RawConnection.open(server);
  await connection.send(rawRequest('PUT /2.0/files/upload_sessions/1', ['content-length: 100000'], 'begun'));
  const [rejected] = await connection.responses(1);
  assert.equal(rejected?.status, 401);
  assert.equal((await connection.closed()).length, 1);
});

test('a part whose body stalls gets 408, and one with an invalid chunk size gets 400, only once', async () => {
  const bytes = seededBytes(PART, 'stalled');
  const session = await api.createSession('stalled.bin', PART);
  const head = [token, `digest: sha=${sha1Base64(bytes)}`, `content-range: bytes 0-${PART - 1}/${PART}`];
  const put = `PUT /2.0/files/upload_sessions/${session.id}`;

  const stalled = await RawConnection.open(server);
  await stalled.send(rawRequest(put, [...head, `content-length: ${PART}`], 'begun'));
  const [late, ...lateOthers] = await stalled.closed();
  assertBoxError(late, 408, 'request_timeout');
  assert.equal(lateOthers.length, 0);

  const broken = await RawConnection.open(server);
  await broken.send(rawRequest(put, [...head, 'transfer-encoding: chunked'], '5\r\nbegun\r\nno-size\r\n'));
  const [bad, ...badOthers] = await broken.closed();
  assertBoxError(bad, 400, 'bad_request');
  assert.equal(badOthers.length, 0);

  assert.equal((await api.get(`/files/upload_sessions/${session.id}`)).json.num_parts_processed, 0);
  assert.equal((await api.putPart(session.id, { offset: 0, bytes, total: PART })).status, 200);
});

test('the response to a body that is too large reaches a client that is still sending it', async () => {
  const connection = await RawConnection.open(server);
  await connection.send(rawRequest('POST /2.0/folders', [token, 'content-length: 9000000']));
  const chunk = Buffer.alloc(64 * 1024, ' ');
  connection.socket.on('drain', () => connection.socket.write(chunk));
  connection.socket.write(chunk);
  await until(() => connection.bytes.length > 0 || connection.socket.closed);
  assert.equal(connection.failure, undefined);
  const [response] = await connection.closed();
  assertBoxError(response, 413, 'request_entity_too_large');
});

test('every other response has its own request ID, too', async () => {
  const { id } = (await api.post('/folders', { name: 'with an ID', parent: { id: '0' } })).json;
  const preflight = { origin: 'https://app.example.com', 'access-control-request-method': 'PUT' };
  const given = [
    await api.get('/users/me'),
    await api.call('HEAD', '/users/me'),
    await api.get(`/folders/${id}`, { headers: { 'if-none-match': '0' } }),
    await new Api({ url: server.url }).call('OPTIONS', '/files/1', { headers: preflight }),
    await api.post('/folders', { name: 'another', parent: { id: '0' } }),
    await api.delete(`/folders/${id}`),
    await api.get(`${server.url}/healthz`),
  ];
  assert.deepEqual(
    given.map(({ status }) => status),
    [200, 200, 304, 204, 201, 204, 200],
  );
  const ids = given.map(({ headers }) => String(headers['box-request-id']));
  for (const requestId of ids) assert.match(requestId, /^[0-9a-f]{16}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test('the log has the request ID of every error response', async () => {
  const [response] = await sendRaw('HELLO\r\n\r\n');
  await server.waitForLog(new RegExp(`"reqId":"${response?.headers['box-request-id']}"`));
});
