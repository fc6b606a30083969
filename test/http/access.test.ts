import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { addApp, addUser, getUserToken, partway, requestToken, type TestApp } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { readAllText } from '../support/test-database.ts';

const SIZE = 70_000;
const bytes = seededBytes(SIZE, 'access');

let server: TestServer;
let app: TestApp;

before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' } });
  app = await addApp(server);
});
after(() => server[Symbol.asyncDispose]());

test('every call without a token or with a wrong one gets 401, an empty body and a challenge', async () => {
  const session = await new Api(server).createSession('guarded.bin', SIZE);
  const calls: [string, string][] = [
    ['GET', '/users/me'],
    ['POST', '/files/upload_sessions'],
    ['POST', '/files/1/upload_sessions'],
    ['PUT', `/files/upload_sessions/${session.id}`],
    ['GET', `/files/upload_sessions/${session.id}`],
    ['GET', `/files/upload_sessions/${session.id}/parts`],
    ['POST', `/files/upload_sessions/${session.id}/commit`],
    ['POST', `/files/upload_sessions/${session.id}/log`],
    ['DELETE', `/files/upload_sessions/${session.id}`],
    ['GET', '/files/1'],
    ['GET', '/files/1/content'],
    ['DELETE', '/files/1'],
    ['POST', '/files/content'],
    ['POST', '/files/1/content'],
    ['OPTIONS', '/files/content'],
    ['OPTIONS', '/files/1/content'],
    ['POST', '/folders'],
    ['GET', '/folders/0'],
    ['GET', '/folders/0/items'],
    ['DELETE', '/folders/1'],
  ];
  for (const stranger of [new Api({ url: server.url }), new Api({ url: server.url, token: 'x'.repeat(32) })]) {
    for (const [method, path] of calls) {
      const answer = await stranger.call(method, path);
      assert.deepEqual([answer.status, answer.text], [401, ''], `${method} ${path}`);
      assert.match(
        answer.headers['www-authenticate'] ?? '',
        /^Bearer realm="Service", error="invalid_token", error_description="[^"]+"$/,
      );
    }
  }
});

test('a session belongs to its creator, and every call of another user gets 403', async () => {
  const session = await new Api(server).createSession('mine.bin', SIZE);
  const other = new Api({
    url: server.url,
    token: await getUserToken(server, app, await addUser(server, 'other@example.com')),
  });
  const part = { offset: 0, bytes: bytes.subarray(0, 65_536), total: SIZE };
  for (const answer of [
    await other.get(`/files/upload_sessions/${session.id}`),
    await other.get(`/files/upload_sessions/${session.id}/parts`),
    await other.putPart(session.id, part),
    await other.commit(session.id, [{ part_id: '00000000' }], bytes),
    await other.post(`/files/upload_sessions/${session.id}/log`, { event_type: 'x' }),
    await other.delete(`/files/upload_sessions/${session.id}`),
  ]) {
    assert.deepEqual([answer.status, answer.json.code], [403, 'forbidden']);
  }
});

test("users have separate trees and cannot see each other's items", async () => {
  const owner = new Api(server);
  const other = new Api({
    url: server.url,
    token: await getUserToken(server, app, await addUser(server, 'apart@example.com')),
  });
  const session = await owner.createSession('private.bin', SIZE);
  const committed = await owner.commit(session.id, await owner.uploadParts(session, bytes), bytes);
  const { id } = committed.json.entries[0];
  for (const answer of [
    await other.get(`/files/${id}`),
    await other.get(`/files/${id}/content`),
    await other.delete(`/files/${id}`),
    await other.post(`/files/${id}/upload_sessions`, { file_size: SIZE }),
  ]) {
    assert.deepEqual([answer.status, answer.json.code], [404, 'not_found']);
  }
  assert.equal((await other.get('/folders/0/items')).json.total_count, 0);
  const same = await other.createSession('private.bin', SIZE);
  assert.equal((await other.commit(same.id, await other.uploadParts(same, bytes), bytes)).status, 201);
});

test('the client_credentials grant issues tokens for the app itself and for a user', async () => {
  const form = { grant_type: 'client_credentials', client_id: app.clientId, client_secret: app.clientSecret };
  const answer = await requestToken(server, {
    ...form,
    box_subject_type: 'enterprise',
    box_subject_id: app.enterpriseId,
  });
  assert.equal(answer.status, 200);
  const { access_token: token, ...rest } = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual(rest, { expires_in: 3600, token_type: 'bearer', restricted_to: [] });
  const me = await new Api({ url: server.url, token: String(token) }).get('/users/me');
  assert.equal(me.json.name, 'test');
  const userId = await addUser(server, 'subject@example.com');
  const asUser = await new Api({ url: server.url, token: await getUserToken(server, app, userId) }).get('/users/me');
  assert.deepEqual([asUser.json.id, asUser.json.login], [userId, 'subject@example.com']);
});

test("wrong credentials are rejected with OAuth's error codes", async () => {
  const form = {
    grant_type: 'client_credentials',
    client_id: app.clientId,
    client_secret: app.clientSecret,
    box_subject_type: 'enterprise',
    box_subject_id: app.enterpriseId,
  };
  for (const [change, error] of [
    [{ client_secret: 'wrong' }, 'invalid_client'],
    [{ client_id: 'wrong' }, 'invalid_client'],
    [{ box_subject_id: '999' }, 'invalid_grant'],
    [{ box_subject_type: 'user', box_subject_id: '42' }, 'invalid_grant'],
    [{ box_subject_type: 'robot' }, 'invalid_grant'],
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
    [{ client_secret: '' }, 'invalid_request'],
  ] as const) {
    const answer = await requestToken(server, { ...form, ...change });
    const body = (await answer.json()) as { error: string; error_description: string };
    assert.deepEqual([answer.status, body.error], [400, error]);
    assert.ok(body.error_description.length > 0);
  }
});

test('secrets are stored as hashes or in files that only their owner can read', async () => {
  const token = await getUserToken(server, app, await addUser(server, 'secretive@example.com'));
  const rows = await readAllText(server.dataFolder);
  assert.match(rows, /secretive@example\.com/);
  for (const secret of [app.clientSecret, token, server.token]) {
    assert.ok(!rows.includes(secret));
  }
  assert.equal((await stat(`${server.dataFolder}/signing-key`)).mode & 0o777, 0o600);
  assert.match(await partway(server, 'app', 'list'), new RegExp(app.clientId));
  assert.match(await partway(server, 'user', 'list'), /secretive@example\.com/);
});

test("a preflight response lists the headers that browsers can send, and Box's own OPTIONS call is not mistaken for a preflight", async () => {
  const preflight = await new Api({ url: server.url }).call('OPTIONS', '/files/content', {
    headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], '*');
  for (const header of ['Authorization', 'Digest', 'Content-Range', 'If-Match', 'Range', 'X-Box-UA']) {
    assert.ok(String(preflight.headers['access-control-allow-headers']).split(/, ?/).includes(header), header);
  }
  const preflightOfPart = await new Api({ url: server.url }).call(
    'OPTIONS',
    `/files/upload_sessions/${'A'.repeat(32)}`,
    {
      headers: { origin: 'https://app.example.com', 'access-control-request-method': 'PUT' },
    },
  );
  assert.equal(preflightOfPart.status, 204);
  const box = await new Api(server).call('OPTIONS', '/files/content', {
    body: { name: 'free.bin', parent: { id: '0' } },
  });
  assert.equal(box.status, 200, box.text);
  const seen = await new Api(server).call('GET', '/users/me', { headers: { origin: 'https://app.example.com' } });
  assert.match(String(seen.headers['access-control-expose-headers']), /box-request-id/);
});

test('if origins are configured, all others are rejected', async () => {
  await using strict = await startServer({ env: { PARTWAY_CORS_ORIGINS: 'https://good.example.com' } });
  const ask = (origin: string) => new Api(strict).call('GET', '/users/me', { headers: { origin } });
  assert.equal(
    (await ask('https://good.example.com')).headers['access-control-allow-origin'],
    'https://good.example.com',
  );
  const rejected = await ask('https://bad.example.com');
  assert.deepEqual([rejected.status, rejected.json.code], [403, 'cors_origin_not_whitelisted']);
});

test('forwarded headers are used only if they come from trusted proxies', async () => {
  const forwarded = { 'x-forwarded-host': 'files.example.com', 'x-forwarded-proto': 'https' };
  const origin = async (env: Record<string, string>) => {
    await using one = await startServer({ env });
    const body = { folder_id: '0', file_size: 30_000_000, file_name: 'proxied.bin' };
    const answer = await new Api(one).post('/files/upload_sessions', body, forwarded);
    return [new URL(answer.json.session_endpoints.commit).origin, one.url];
  };
  const [untrusted, own] = await origin({});
  assert.equal(untrusted, own);
  assert.equal((await origin({ PARTWAY_TRUSTED_PROXIES: '127.0.0.1' }))[0], 'https://files.example.com');
  assert.equal((await origin({ PARTWAY_PUBLIC_URL: 'https://public.example.com' }))[0], 'https://public.example.com');
});
