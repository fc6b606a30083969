import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { downscopedToken } from '../auth/downscoped-token.ts';
import { type AddedApp, partwayJson } from '../auth/operator.ts';
import { addUser, askToken, tokenOf } from '../support/accounts.ts';
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
  const answer = await askToken(server, {
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
  userToken = await tokenOf(server, known, userId);
});
after(() => server[Symbol.asyncDispose]());

const apiOf = (token: string | undefined) => new Api({ url: server.url, ...(token !== undefined && { token }) });

/** Every call of /users, about this user. */
function callsAbout(id: string): [method: string, path: string, body?: unknown][] {
  return [
    ['GET', '/users'],
    ['GET', '/users?filter_term=u&usemarker=true'],
    ['POST', '/users', { name: 'Intruder', login: 'intruder@example.com' }],
    // A token that is bound to an item may name that item; it is not let in by it.
    ['POST', '/users', { name: 'Intruder', login: 'intruder@example.com', parent: { id: '0' }, folder_id: '0' }],
    ['POST', '/users/terminate_sessions', { user_ids: [id], user_logins: [] }],
    ['GET', `/users/${id}`],
    ['PUT', `/users/${id}`, { name: 'Changed' }],
    ['PUT', `/users/${id}`, { name: 'Changed', parent: { id: '0' } }],
    ['DELETE', `/users/${id}`],
    ['DELETE', `/users/${id}?force=true`, { parent: { id: '0' } }],
  ];
}

test('an app that acts for itself makes, lists, changes and deletes users as the developer does', async () => {
  for (const api of [developer, apiOf(appToken)]) {
    const made = await api.post('/users', { name: 'Made', login: 'made@example.com' });
    assert.equal(made.status, 201, made.text);
    const path = `/users/${made.json.id}`;
    assert.equal((await api.get('/users?filter_term=made@')).json.entries[0].id, made.json.id);
    assert.equal((await api.call('PUT', path, { body: { name: 'Other' } })).json.name, 'Other');
    const gone = await api.delete(path);
    assert.deepEqual([gone.status, gone.text], [204, '']);
    assert.equal((await api.get(path)).status, 404);
  }
});

describe('whoever does not administer', () => {
  const STRANGERS: Record<string, () => Promise<{ token: string; headers?: Record<string, string> }>> = {
    'a user': async () => ({ token: userToken }),
    'a narrowed token of the developer': async () => ({
      token: await downscopedToken(server, { scope: 'root_readwrite item_delete' }),
    }),
    'a narrowed token of an app': async () => ({
      token: await downscopedToken(server, { scope: 'root_readwrite', token: appToken }),
    }),
    'an app that acts as a user': async () => ({ token: appToken, headers: { 'as-user': userId } }),
    'a token that is bound to the root folder': async () => ({
      token: await downscopedToken(server, { scope: 'root_readwrite', resource: 'folders/0' }),
    }),
  };
  for (const [stranger, made] of Object.entries(STRANGERS)) {
    test(`${stranger} is refused every call about others, whether they are there or not`, async () => {
      const { token, headers = {} } = await made();
      const api = apiOf(token);
      for (const id of [otherId, '1234567890123', 'x']) {
        for (const [method, path, body] of callsAbout(id)) {
          const { status, json, text } = await api.call(method, path, { body, headers });
          const codes = ['access_denied_insufficient_permissions'];
          if (stranger.includes('bound')) codes.push('insufficient_scope');
          assert.ok(status === 403 && codes.includes(json.code), `${method} ${path}: ${status} ${text}`);
        }
      }
      const { json } = await developer.get('/users');
      assert.ok(!json.entries.some(({ login }: { login: string }) => login === 'intruder@example.com'));
      assert.equal((await developer.get(`/users/${otherId}`)).json.name, 'other@example.com');
    });
  }

  test('without a token nothing is said', async () => {
    for (const api of [apiOf(undefined), apiOf('x'.repeat(43))]) {
      for (const [method, path, body] of callsAbout(otherId)) {
        const { status, text } = await api.call(method, path, { body });
        assert.deepEqual([status, text], [401, ''], `${method} ${path}`);
      }
    }
  });

  test('a token without the scope to read sees nobody, not even its own user', async () => {
    const api = apiOf(await downscopedToken(server, { scope: 'base_upload', token: userToken }));
    for (const path of ['/users', `/users/${userId}`, '/users/me']) {
      const { status, json } = await api.get(path);
      assert.deepEqual([status, json.code], [403, 'insufficient_scope'], path);
    }
  });
});

test('a user sees themselves, also with a narrowed token, and changes nothing of it', async () => {
  for (const token of [userToken, await downscopedToken(server, { scope: 'base_explorer', token: userToken })]) {
    const api = apiOf(token);
    const seen = await api.get(`/users/${userId}`);
    assert.deepEqual([seen.status, seen.json.login], [200, 'user@example.com']);
    assert.deepEqual(seen.json, (await api.get('/users/me')).json);
  }
  for (const [method, path, body] of callsAbout(userId).filter(([method]) => method !== 'GET')) {
    const { status, json } = await apiOf(userToken).call(method, path, { body });
    assert.deepEqual([status, json.code], [403, 'access_denied_insufficient_permissions'], `${method} ${path}`);
  }
});

test('the developer and the users of apps can be renamed, but keep their logins and stay', async () => {
  const developerId = (await developer.get('/users/me')).json.id;
  for (const id of [developerId, app.service_user_id]) {
    for (const api of [developer, apiOf(appToken)]) {
      for (const refused of [
        await api.call('PUT', `/users/${id}`, { body: { login: 'stolen@example.com' } }),
        await api.delete(`/users/${id}`),
        await api.delete(`/users/${id}?force=true`),
      ]) {
        assert.deepEqual([refused.status, refused.json.code], [403, 'access_denied_insufficient_permissions']);
      }
      const { login } = (await api.get(`/users/${id}`)).json;
      const renamed = await api.call('PUT', `/users/${id}`, { body: { name: 'Shown', login } });
      assert.deepEqual([renamed.status, renamed.json.name, renamed.json.login], [200, 'Shown', login]);
    }
  }
  await server.restart();
  assert.equal((await developer.get('/users/me')).json.id, developerId);
});
