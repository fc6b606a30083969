import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { API_ROUTES, createCall } from '../auth/api-routes.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let api: Api;

before(async () => {
  server = await startServer();
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

test('a request for the supported version gets that version in its response, and a request without a version means the same', async () => {
  const asked = await api.get('/users/me', { headers: { 'box-version': '2024.0' } });
  assert.deepEqual([asked.status, asked.headers['box-version']], [200, '2024.0']);
  assert.equal((await api.get('/users/me')).status, 200);
});

test('every route rejects an unsupported version and has no effect', async () => {
  const before = (await api.get('/folders/0/items')).json.total_count;
  for (const route of API_ROUTES) {
    const { path, call } = createCall(route, { file: '1', folder: '0', session: 'A'.repeat(32) });
    const headers = { ...call.headers, 'box-version': '2025.0' };
    const answer = await api.call(route.method, path, { ...call, headers });
    assert.equal(answer.status, 400, `${route.method} ${path}`);
    assert.equal(answer.json.code, 'invalid_api_version');
    assert.match(answer.json.message, /Supported API versions: \[2024\.0\]/);
  }
  assert.equal((await api.get('/folders/0/items')).json.total_count, before);
});

test('empty, repeated and malformed versions each get their own message', async () => {
  for (const [version, said] of [
    ['', /empty/],
    ['2024.0, 2025.0', /only one/],
    ['2024.0,2024.0', /only one/],
    ['2024', /Supported/],
    ['latest', /Supported/],
    ['2024.00', /Supported/],
  ] as const) {
    const answer = await api.get('/users/me', { headers: { 'box-version': version } });
    assert.deepEqual([answer.status, answer.json.code], [400, 'invalid_api_version'], version);
    assert.match(answer.json.message, said);
  }
});

test('the version is checked after the token, and only in the API itself', async () => {
  const headers = { 'box-version': '1999.0' };
  assert.equal((await new Api({ url: server.url }).get('/users/me', { headers })).status, 401);
  assert.equal((await api.get('/nothing', { headers })).status, 404);
  assert.equal((await api.get(`${server.url}/healthz`, { headers })).status, 200);
});
