import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createDownscopedToken } from '../auth/downscoped-token.ts';
import { type AddedApp, partwayJson } from '../auth/operator.ts';
import { addUser, getUserToken, requestToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let developer: Api;
let app: AddedApp;
let appToken: string;
let userId: string;
let userToken: string;
let otherId: string;

before(async () => {
  server = await startServer();
  developer = new Api(server);
  app = await partwayJson<AddedApp>(server, 'app', 'add', 'robot', '--as-user');
  const answer = await requestToken(server, {
    grant_type: 'client_credentials',
    client_id: app.client_id,
    client_secret: app.client_secret,
    box_subject_type: 'enterprise',
    box_subject_id: app.enterprise_id,
  });
  appToken = ((await answer.json()) as { access_token: string }).access_token;
  userId = await addUser(server, 'user@example.com');
  otherId = await addUser(server, 'other@example.com');
  const known = { clientId: app.client_id, clientSecret: app.client_secret, enterpriseId: app.enterprise_id };
  userToken = await getUserToken(server, known, userId);
});
after(() => server[Symbol.asyncDispose]());

const createApi = (token: string | undefined) => new Api({ url: server.url, ...(token !== undefined && { token }) });

/** Every call of /users, about this user. */
function listCalls(id: string): [method: string, path: string, body?: unknown][] {
  return [
    ['GET', '/users'],
    ['GET', '/users?filter_term=u&usemarker=true'],
    ['POST', '/users', { name: 'Intruder', login: 'intruder@example.com' }],
    // A token that is restricted to an item can name that item, but does not get access by doing so.
    ['POST', '/users', { name: 'Intruder', login: 'intruder@example.com', parent: { id: '0' }, folder_id: '0' }],
    ['POST', '/users/terminate_sessions', { user_ids: [id], user_logins: [] }],
    ['GET', `/users/${id}`],
    ['PUT', `/users/${id}`, { name: 'Changed' }],
    ['PUT', `/users/${id}`, { name: 'Changed', parent: { id: '0' } }],
    ['DELETE', `/users/${id}`],
    ['DELETE', `/users/${id}?force=true`, { parent: { id: '0' } }],
  ];
}

test('an app that acts for itself can create, list, change and delete users like the developer', async () => {
  for (const api of [developer, createApi(appToken)]) {
    const created = await api.post('/users', { name: 'Made', login: 'made@example.com' });
    assert.equal(created.status, 201, created.text);
    const path = `/users/${created.json.id}`;
    assert.equal((await api.get('/users?filter_term=made@')).json.entries[0].id, created.json.id);
    assert.equal((await api.call('PUT', path, { body: { name: 'Other' } })).json.name, 'Other');
    const gone = await api.delete(path);
    assert.deepEqual([gone.status, gone.text], [204, '']);
    assert.equal((await api.get(path)).status, 404);
  }
});

describe('without the right to administer users', () => {
  const CALLERS: Record<string, () => Promise<{ token: string; headers?: Record<string, string> }>> = {
    'a user': async () => ({ token: userToken }),
    'a downscoped token of the developer': async () => ({
      token: await createDownscopedToken(server, { scope: 'root_readwrite item_delete' }),
    }),
    'a downscoped token of an app': async () => ({
      token: await createDownscopedToken(server, { scope: 'root_readwrite', token: appToken }),
    }),
    'an app that acts as a user': async () => ({ token: appToken, headers: { 'as-user': userId } }),
    'a token that is restricted to the root folder': async () => ({
      token: await createDownscopedToken(server, { scope: 'root_readwrite', resource: 'folders/0' }),
    }),
  };
  for (const [caller, authenticate] of Object.entries(CALLERS)) {
    test(`${caller} gets 403 for every call about others, whether they exist or not`, async () => {
      const { token, headers = {} } = await authenticate();
      const api = createApi(token);
      for (const id of [otherId, '1234567890123', 'x']) {
        for (const [method, path, body] of listCalls(id)) {
          const { status, json, text } = await api.call(method, path, { body, headers });
          const codes = ['access_denied_insufficient_permissions'];
          if (caller.includes('restricted')) codes.push('insufficient_scope');
          assert.ok(status === 403 && codes.includes(json.code), `${method} ${path}: ${status} ${text}`);
        }
      }
      const { json } = await developer.get('/users');
      assert.ok(!json.entries.some(({ login }: { login: string }) => login === 'intruder@example.com'));
      assert.equal((await developer.get(`/users/${otherId}`)).json.name, 'other@example.com');
    });
  }

  test('a caller without a valid token learns nothing', async () => {
    for (const api of [createApi(undefined), createApi('x'.repeat(43))]) {
      for (const [method, path, body] of listCalls(otherId)) {
        const { status, text } = await api.call(method, path, { body });
        assert.deepEqual([status, text], [401, ''], `${method} ${path}`);
      }
    }
  });

  test('a token without a read scope cannot see any user, not even its own', async () => {
    const api = createApi(await createDownscopedToken(server, { scope: 'base_upload', token: userToken }));
    for (const path of ['/users', `/users/${userId}`, '/users/me']) {
      const { status, json } = await api.get(path);
      assert.deepEqual([status, json.code], [403, 'insufficient_scope'], path);
    }
  });
});

test('users can see themselves, even with a downscoped token, and cannot change themselves', async () => {
  for (const token of [userToken, await createDownscopedToken(server, { scope: 'base_explorer', token: userToken })]) {
    const api = createApi(token);
    const seen = await api.get(`/users/${userId}`);
    assert.deepEqual([seen.status, seen.json.login], [200, 'user@example.com']);
    assert.deepEqual(seen.json, (await api.get('/users/me')).json);
  }
  for (const [method, path, body] of listCalls(userId).filter(([method]) => method !== 'GET')) {
    const { status, json } = await createApi(userToken).call(method, path, { body });
    assert.deepEqual([status, json.code], [403, 'access_denied_insufficient_permissions'], `${method} ${path}`);
  }
});

test('the developer and the users of apps can be renamed, but cannot be deleted or get another login', async () => {
  const developerId = (await developer.get('/users/me')).json.id;
  for (const id of [developerId, app.service_user_id]) {
    for (const api of [developer, createApi(appToken)]) {
      for (const rejected of [
        await api.call('PUT', `/users/${id}`, { body: { login: 'stolen@example.com' } }),
        await api.delete(`/users/${id}`),
        await api.delete(`/users/${id}?force=true`),
      ]) {
        assert.deepEqual([rejected.status, rejected.json.code], [403, 'access_denied_insufficient_permissions']);
      }
      const { login } = (await api.get(`/users/${id}`)).json;
      const renamed = await api.call('PUT', `/users/${id}`, { body: { name: 'Shown', login } });
      assert.deepEqual([renamed.status, renamed.json.name, renamed.json.login], [200, 'Shown', login]);
    }
  }
  await server.restart();
  assert.equal((await developer.get('/users/me')).json.id, developerId);
});
