import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { Api } from '../support/api.ts';
import { sha1Base64 } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { FORM, upload } from './forms.ts';

const SIZE = 70_000;
const DIGEST = { digest: `sha=${sha1Base64(Buffer.alloc(0))}` };
const UNKNOWN = 'A'.repeat(32);

let server: TestServer;
let api: Api;
let session: string;

before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' } });
  api = new Api(server);
  session = (await api.createSession('asked.bin', SIZE)).id;
});
after(() => server[Symbol.asyncDispose]());

/** The first status for a client that announces a body of 3 MB and waits for 100 Continue. */
function firstStatus(path: string, headers: Record<string, string>, token = server.token): Promise<number> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  const lines = Object.entries({
    host: 'x',
    authorization: `Bearer ${token}`,
    'content-length': '3000000',
    expect: '100-continue',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST /2.0${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  return new Promise((resolve, reject) => {
    socket.on('error', reject).once('data', (chunk) => {
      resolve(Number(String(chunk).split(' ')[1]));
      socket.destroy();
    });
  });
}

for (const action of ['commit', 'plan', 'log']) {
  test(`the body of a ${action} is requested only after its token and its session are checked`, async () => {
    const path = (id: string) => `/files/upload_sessions/${id}/${action}`;
    assert.equal(await firstStatus(path(session), DIGEST, 'wrong'), 401);
    assert.equal(await firstStatus(path('x'), DIGEST), 400);
    assert.equal(await firstStatus(path(UNKNOWN), DIGEST), 404);
    const ended = await api.createSession(`ended by ${action}.bin`, SIZE);
    await api.delete(`/files/upload_sessions/${ended.id}`);
    assert.equal(await firstStatus(path(ended.id), DIGEST), 404);
  });

  test(`the body of a ${action} for another user's session is not requested`, async () => {
    const { json } = await api.post('/users', { name: action, login: `${action}@example.com` });
    const path = `/files/upload_sessions/${session}/${action}`;
    assert.equal(await firstStatus(path, { ...DIGEST, 'as-user': json.id }), 403);
  });
}

test('the body of a commit is requested only if its digest is valid', async () => {
  const commit = `/files/upload_sessions/${session}/commit`;
  assert.equal(await firstStatus(commit, {}), 400);
  assert.equal(await firstStatus(commit, { digest: 'sha=x' }), 400);
  assert.equal(await firstStatus(commit, DIGEST), 100);
  assert.equal(await firstStatus(`/files/upload_sessions/${session}/plan`, {}), 100);
});

test('the body of a new version is not requested if the file is missing or changed, or if the form has no boundary', async () => {
  const { id } = await upload(api, 'versioned.bin', 'a');
  assert.equal(await firstStatus('/files/12345/content', FORM), 404);
  assert.equal(await firstStatus(`/files/${id}/content`, { ...FORM, 'if-match': '"7"' }), 412);
  assert.equal(await firstStatus(`/files/${id}/content`, { 'content-type': 'multipart/form-data' }), 400);
  assert.equal(await firstStatus(`/files/${id}/content`, { ...FORM, 'content-md5': 'x' }), 400);
  assert.equal(await firstStatus(`/files/${id}/content`, FORM), 100);
});

test('deeply nested JSON for an unknown session is rejected unread', async () => {
  const nested = `{"parts":${'['.repeat(1_500_000)}${']'.repeat(1_500_000)}}`;
  const unknown = await api.post(`/files/upload_sessions/${UNKNOWN}/commit`, nested, DIGEST);
  assert.deepEqual([unknown.status, unknown.json.code], [404, 'upload_session_not_found']);
  const known = await api.post(`/files/upload_sessions/${session}/commit`, nested, DIGEST);
  assert.deepEqual([known.status, known.json.code], [400, 'bad_request']);
  assert.match(known.json.message, /nested/);
});
