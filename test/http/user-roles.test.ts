import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { downscopedToken } from '../auth/downscoped-token.ts';
import { type AddedApp, partwayJson } from '../auth/operator.ts';
import { tokenOf } from '../support/accounts.ts';
import { type Answer, Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let developer: Api;
let app: { clientId: string; clientSecret: string; enterpriseId: string };
let appUser: string;
let made = 0;

before(async () => {
  server = await startServer();
  developer = new Api(server);
  const added = await partwayJson<AddedApp>(server, 'app', 'add', 'robot', '--as-user');
  app = { clientId: added.client_id, clientSecret: added.client_secret, enterpriseId: added.enterprise_id };
  appUser = added.service_user_id;
});
after(() => server[Symbol.asyncDispose]());

type Role = 'user' | 'coadmin' | 'admin';
const ROLES: readonly Role[] = ['user', 'coadmin', 'admin'];

async function newUser(role?: Role): Promise<string> {
  made += 1;
  const body = { name: `User ${made}`, login: `user-${made}@example.com`, ...(role && { role }) };
  const answer = await developer.post('/users?fields=role', body);
  assert.deepEqual([answer.status, answer.json.role], [201, role ?? 'user'], answer.text);
  return answer.json.id;
}

const apiOf = async (id: string) => new Api({ url: server.url, token: await tokenOf(server, app, id) });
const effectiveRole = async (id: string) => (await developer.get(`/users/${id}?fields=role`)).json?.role;

function assertRefused({ status, json, text }: Answer, what: string): void {
  assert.deepEqual([status, json?.code], [403, 'access_denied_insufficient_permissions'], `${what}: ${text}`);
}

const newBody = (role?: Role) => {
  made += 1;
  return { name: 'New', login: `new-${made}@example.com`, ...(role && { role }) };
};

/** What one who has a role may do to one who has another; everything else is refused. */
const CHANGES: Record<Role, readonly Role[]> = { user: [], coadmin: ['user'], admin: ROLES };

for (const role of ROLES) {
  describe(`a managed user with the role ${role}`, () => {
    for (const other of ROLES) {
      const may = CHANGES[role].includes(other);
      test(`${may ? 'makes, changes and deletes' : 'neither makes, changes nor deletes'} a user with the role ${other}`, async () => {
        const api = await apiOf(await newUser(role));
        const id = await newUser(other);
        const answers = {
          made: await api.post('/users', newBody(other)),
          changed: await api.call('PUT', `/users/${id}?fields=name`, { body: { name: 'Changed' } }),
          deleted: await api.delete(`/users/${id}`),
        };
        if (may) {
          assert.deepEqual(
            Object.values(answers).map(({ status }) => status),
            [201, 200, 204],
          );
          return assert.equal(await effectiveRole(id), undefined);
        }
        for (const [what, answer] of Object.entries(answers)) assertRefused(answer, what);
        assert.equal(await effectiveRole(id), other);
      });

      test(`${role === 'admin' ? 'gives' : 'cannot give'} others the role ${other === 'user' ? 'admin' : other}`, async () => {
        const given = other === 'user' ? 'admin' : other;
        const id = await newUser();
        const answer = await (await apiOf(await newUser(role))).call('PUT', `/users/${id}`, { body: { role: given } });
        if (role === 'admin') assert.equal(answer.status, 200, answer.text);
        else assertRefused(answer, 'a role');
        assert.equal(await effectiveRole(id), role === 'admin' ? given : 'user');
      });
    }

    test(`${role === 'user' ? 'sees nobody else' : 'sees everybody'}`, async () => {
      const api = await apiOf(await newUser(role));
      for (const path of ['/users', `/users/${await newUser()}`]) {
        const answer = await api.get(path);
        if (role === 'user') assertRefused(answer, path);
        else assert.equal(answer.status, 200, answer.text);
      }
    });

    test('administers nothing with a token that is narrowed or bound', async () => {
      const token = await tokenOf(server, app, await newUser(role));
      for (const less of [
        { scope: 'root_readwrite item_delete' },
        { scope: 'root_readwrite', resource: 'folders/0' },
      ]) {
        const api = new Api({ url: server.url, token: await downscopedToken(server, { ...less, token }) });
        for (const answer of [await api.get('/users'), await api.post('/users', newBody())]) {
          assert.equal(answer.status, 403, answer.text);
        }
      }
    });

    test('does not raise themselves', { skip: role === 'admin' && 'there is nothing above' }, async () => {
      const id = await newUser(role);
      const api = await apiOf(id);
      for (const body of [{ role: 'admin' }, { role: 'coadmin' }, { status: 'active', role: 'admin' }]) {
        assertRefused(await api.call('PUT', `/users/${id}`, { body }), JSON.stringify(body));
      }
      assert.equal(await effectiveRole(id), role);
    });
  });
}

test('a role that is taken away is gone for the tokens that are there', async () => {
  const id = await newUser('admin');
  const api = await apiOf(id);
  assert.equal((await api.post('/users', newBody())).status, 201);

  assert.equal((await developer.call('PUT', `/users/${id}`, { body: { role: 'user' } })).status, 200);

  assertRefused(await api.post('/users', newBody()), 'a new user');
});

test('the developer and the users of apps stay administrators', async () => {
  const admin = await apiOf(await newUser('admin'));
  for (const id of [(await developer.get('/users/me')).json.id, appUser]) {
    for (const role of ['user', 'coadmin'])
      assertRefused(await admin.call('PUT', `/users/${id}`, { body: { role } }), role);
    assert.equal((await admin.call('PUT', `/users/${id}`, { body: { role: 'admin' } })).status, 200);
    assert.equal(await effectiveRole(id), 'admin');
    const coadmin = await apiOf(await newUser('coadmin'));
    assertRefused(await coadmin.call('PUT', `/users/${id}`, { body: { name: 'Changed' } }), 'a name');
    assertRefused(await coadmin.delete(`/users/${id}?force=true`), 'a deletion');
  }
});

test('an administrator whose status shuts them out administers nothing', async () => {
  const id = await newUser('admin');
  const api = await apiOf(id);
  await developer.call('PUT', `/users/${id}`, { body: { status: 'cannot_delete_edit' } });
  assert.equal((await api.post('/users', newBody())).status, 403);
  assert.equal((await api.delete(`/users/${await newUser()}`)).status, 403);
});
