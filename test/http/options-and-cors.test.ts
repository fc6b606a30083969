import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { API_ROUTES, createCall } from '../auth/api-routes.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

const ORIGIN = 'https://app.example.com';
const IDS = { file: '1', folder: '1', session: 'A'.repeat(32) };

let server: TestServer;
let api: Api;

before(async () => {
  server = await startServer();
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

function preflight(path: string, headers: Record<string, string> = {}): Promise<ApiResponse> {
  const asked = { origin: ORIGIN, 'access-control-request-method': 'PUT', ...headers };
  return new Api({ url: server.url }).call('OPTIONS', path, { headers: asked });
}

function listAllowedHeaders(answer: ApiResponse): string[] {
  return String(answer.headers['access-control-allow-headers']).toLowerCase().split(', ');
}

test('OPTIONS of an unknown address gets 404, with and without a token, like other methods', async () => {
  for (const path of ['/nonsense', '/files', '/folders/1/nothing', `${server.url}/`, `${server.url}/x`]) {
    for (const client of [api, new Api({ url: server.url })]) {
      const answer = await client.call('OPTIONS', path);
      assert.deepEqual([answer.status, answer.json?.code], [404, 'not_found'], path);
      assert.equal((await client.get(path)).status, 404, path);
    }
  }
});

test('OPTIONS of an address that does not support it gets 405 and the supported methods', async () => {
  const withOptions = new Set(
    API_ROUTES.filter(({ method }) => method === 'OPTIONS').map((route) => createCall(route, IDS).path),
  );
  for (const route of API_ROUTES) {
    const { path } = createCall(route, IDS);
    if (withOptions.has(path)) continue;
    for (const client of [api, new Api({ url: server.url })]) {
      const answer = await client.call('OPTIONS', path, { body: '{}', headers: { 'content-type': 'foo' } });
      assert.deepEqual([answer.status, answer.json?.code], [405, 'method_not_allowed'], path);
      assert.ok(answer.headers.allow?.split(', ').includes(route.method), `${path}: ${answer.headers.allow}`);
    }
  }
});

test("Box's OPTIONS call requires a token, and only a browser's preflight does not", async () => {
  const body = { name: 'free.bin', parent: { id: '0' } };
  const anonymous = new Api({ url: server.url });
  assert.equal((await anonymous.call('OPTIONS', '/files/content', { body })).status, 401);
  assert.equal((await api.call('OPTIONS', '/files/content', { body })).status, 200);
  for (const half of [{ origin: ORIGIN }, { 'access-control-request-method': 'POST' }]) {
    assert.equal((await anonymous.call('OPTIONS', '/files/content', { body, headers: half })).status, 401);
    assert.equal((await anonymous.call('OPTIONS', '/nonsense', { headers: half })).status, 404);
    assert.equal((await api.call('OPTIONS', '/files/1', { headers: half })).status, 405);
  }
  for (const path of ['/files/content', '/files/1', '/nonsense']) assert.equal((await preflight(path)).status, 204);
});

test('a page can send the headers that it asks for, and never credentials', async () => {
  const answer = await preflight('/files/1', {
    'access-control-request-headers': 'authorization,traceparent, As-User,x-request-id,box-version',
  });
  for (const name of ['traceparent', 'x-request-id', 'as-user', 'box-version', 'authorization', 'if-range']) {
    assert.ok(listAllowedHeaders(answer).includes(name), name);
  }
  assert.equal(
    new Set(listAllowedHeaders(answer)).size,
    listAllowedHeaders(answer).length,
    'each header is listed once',
  );
  assert.equal(answer.headers['access-control-allow-credentials'], undefined);
  assert.match(String(answer.headers.vary), /Access-Control-Request-Headers/);
  assert.match(String(answer.headers.vary), /Origin/);
  assert.equal(answer.headers['access-control-allow-private-network'], undefined);
});

test("headers that Box's clients send are always allowed, and headers that they read are exposed", async () => {
  const known = listAllowedHeaders(await preflight('/files/1'));
  for (const name of [
    'authorization',
    'as-user',
    'box-version',
    'digest',
    'content-range',
    'content-md5',
    'if-range',
  ]) {
    assert.ok(known.includes(name), name);
  }
  const answer = await api.get('/users/me', { headers: { origin: ORIGIN } });
  const exposed = String(answer.headers['access-control-expose-headers']).toLowerCase().split(', ');
  for (const name of [
    'box-request-id',
    'box-version',
    'retry-after',
    'www-authenticate',
    'etag',
    'accept-ranges',
    'content-range',
    'content-disposition',
  ]) {
    assert.ok(exposed.includes(name), name);
  }
});

test('an invalid or overlong list of header names is not reflected', async () => {
  for (const list of [
    'a b',
    'x\u00e9',
    'x; y',
    '<script>',
    Array.from({ length: 65 }, (_, at) => `x-${at}`).join(','),
    `x-${'y'.repeat(5000)}`,
  ]) {
    const answer = await preflight('/files/1', { 'access-control-request-headers': list });
    assert.equal(answer.status, 204);
    assert.ok(listAllowedHeaders(answer).includes('authorization'));
    assert.ok(String(answer.headers['access-control-allow-headers']).length < 500);
  }
});

test('a page can read every error, whichever check fails', async () => {
  await using small = await startServer({ env: { PARTWAY_RATE_LIMIT: '1' } });
  const limited = new Api(small);
  await limited.get('/users/me');
  const headers = { origin: ORIGIN };
  const huge = { body: `{"x":"${'x'.repeat(100_000)}"}`, headers };
  for (const [status, asked] of [
    [401, new Api({ url: server.url }).get('/users/me', { headers })],
    [404, api.get('/nothing', { headers })],
    [404, api.get('/files/12345', { headers })],
    [405, api.call('PATCH', '/users/me', { headers })],
    [413, api.call('POST', '/folders', huge)],
    [400, api.get('/folders/100%/items', { headers })],
    [400, api.get('/folders/0/items?fields=%E9', { headers })],
    [429, limited.get('/users/me', { headers })],
    [403, api.get(`${server.url}/downloads/1/1`, { headers })],
  ] as const) {
    const answer = await asked;
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.headers['access-control-allow-origin'], '*', String(status));
  }
});

test('if origins are configured, each page gets its own origin back, and other pages get none', async () => {
  await using strict = await startServer({ env: { PARTWAY_CORS_ORIGINS: `${ORIGIN},https://other.example` } });
  const ask = (origin: string, path = '/nothing') => new Api(strict).get(path, { headers: { origin } });
  for (const path of ['/nothing', '/users/me', '/folders/100%/items']) {
    const answer = await ask(ORIGIN, path);
    assert.equal(answer.headers['access-control-allow-origin'], ORIGIN, path);
    assert.match(String(answer.headers.vary), /Origin/, path);
  }
  for (const origin of ['https://bad.example', 'null', `${ORIGIN}.bad.example`]) {
    const answer = await ask(origin);
    assert.deepEqual([answer.status, answer.headers['access-control-allow-origin']], [403, undefined], origin);
    assert.equal((await ask(origin, '/folders/100%/items')).headers['access-control-allow-origin'], undefined);
  }
});

test('a preflight with a body of an invalid type is answered, and the connection stays usable', async () => {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  const head = (extra: string) =>
    `OPTIONS /2.0/files/1 HTTP/1.1\r\nhost: x\r\norigin: ${ORIGIN}\r\naccess-control-request-method: PUT\r\n${extra}\r\n`;
  socket.write(`${head('content-type: ;\r\ncontent-length: 5\r\n')}{"no"${head('connection: close\r\n')}`);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.on('close', resolve));
  assert.deepEqual(text.match(/^HTTP\/1\.1 \d+/gm), ['HTTP/1.1 204', 'HTTP/1.1 204']);
});
