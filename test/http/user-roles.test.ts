import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createDownscopedToken } from '../auth/downscoped-token.ts';
import { type AddedApp, partwayJson } from '../auth/operator.ts';
import { getUserToken } from '../support/accounts.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let developer: Api;
let app: { clientId: string; clientSecret: string; enterpriseId: string };
let appUser: string;
let userCount = 0;

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

async function createUser(role?: Role): Promise<string> {
  userCount += 1;
  const body = { name: `User ${userCount}`, login: `user-${userCount}@example.com`, ...(role && { role }) };
  const answer = await developer.post('/users?fields=role', body);
  assert.deepEqual([answer.status, answer.json.role], [201, role ?? 'user'], answer.text);
  return answer.json.id;
}

const createApi = async (id: string) => new Api({ url: server.url, token: await getUserToken(server, app, id) });
const getRole = async (id: string) => (await developer.get(`/users/${id}?fields=role`)).json?.role;

function assertRejected({ status, json, text }: ApiResponse, what: string): void {
  assert.deepEqual([status, json?.code], [403, 'access_denied_insufficient_permissions'], `${what}: ${text}`);
}

const createBody = (role?: Role) => {
  userCount += 1;
  return { name: 'New', login: `new-${userCount}@example.com`, ...(role && { role }) };
};

/** The roles that each role can administer. Everything else is rejected. */
const CHANGES: Record<Role, readonly Role[]> = { user: [], coadmin: ['user'], admin: ROLES };

for (const role of ROLES) {
  describe(`a managed user with the role ${role}`, () => {
    for (const other of ROLES) {
      const can = CHANGES[role].includes(other);
      test(`${can ? 'can create, change and delete' : 'cannot create, change or delete'} a user with the role ${other}`, async () => {
        const api = await createApi(await createUser(role));
        const id = await createUser(other);
        const answers = {
          created: await api.post('/users', createBody(other)),
          changed: await api.call('PUT', `/users/${id}?fields=name`, { body: { name: 'Changed' } }),
          deleted: await api.delete(`/users/${id}`),
        };
        if (can) {
          assert.deepEqual(
            Object.values(answers).map(({ status }) => status),
            [201, 200, 204],
          );
          return assert.equal(await getRole(id), undefined);
        }
        for (const [what, answer] of Object.entries(answers)) assertRejected(answer, what);
        assert.equal(await getRole(id), other);
      });

      test(`${role === 'admin' ? 'can give' : 'cannot give'} others the role ${other === 'user' ? 'admin' : other}`, async () => {
        const given = other === 'user' ? 'admin' : other;
        const id = await createUser();
        const answer = await (await createApi(await createUser(role))).call('PUT', `/users/${id}`, {
          body: { role: given },
        });
        if (role === 'admin') assert.equal(answer.status, 200, answer.text);
        else assertRejected(answer, 'a role');
        assert.equal(await getRole(id), role === 'admin' ? given : 'user');
      });
    }

    test(`${role === 'user' ? 'sees no other user' : 'sees all users'}`, async () => {
      const api = await createApi(await createUser(role));
      for (const path of ['/users', `/users/${await createUser()}`]) {
        const answer = await api.get(path);
        if (role === 'user') assertRejected(answer, path);
        else assert.equal(answer.status, 200, answer.text);
      }
    });

    test('administers nothing with a downscoped or restricted token', async () => {
      const token = await getUserToken(server, app, await createUser(role));
      for (const less of [
        { scope: 'root_readwrite item_delete' },
        { scope: 'root_readwrite', resource: 'folders/0' },
      ]) {
        const api = new Api({ url: server.url, token: await createDownscopedToken(server, { ...less, token }) });
        for (const answer of [await api.get('/users'), await api.post('/users', createBody())]) {
          assert.equal(answer.status, 403, answer.text);
        }
      }
    });

    test('cannot raise their own role', { skip: role === 'admin' && 'there is no higher role' }, async () => {
      const id = await createUser(role);
      const api = await createApi(id);
      for (const body of [{ role: 'admin' }, { role: 'coadmin' }, { status: 'active', role: 'admin' }]) {
        assertRejected(await api.call('PUT', `/users/${id}`, { body }), JSON.stringify(body));
      }
      assert.equal(await getRole(id), role);
    });
  });
}

test('a role that is revoked also ends for existing tokens', async () => {
  const id = await createUser('admin');
  const api = await createApi(id);
  assert.equal((await api.post('/users', createBody())).status, 201);

  assert.equal((await developer.call('PUT', `/users/${id}`, { body: { role: 'user' } })).status, 200);

  assertRejected(await api.post('/users', createBody()), 'a new user');
});

test('the developer and the users of apps stay administrators', async () => {
  const admin = await createApi(await createUser('admin'));
  for (const id of [(await developer.get('/users/me')).json.id, appUser]) {
    for (const role of ['user', 'coadmin'])
      assertRejected(await admin.call('PUT', `/users/${id}`, { body: { role } }), role);
    assert.equal((await admin.call('PUT', `/users/${id}`, { body: { role: 'admin' } })).status, 200);
    assert.equal(await getRole(id), 'admin');
    const coadmin = await createApi(await createUser('coadmin'));
    assertRejected(await coadmin.call('PUT', `/users/${id}`, { body: { name: 'Changed' } }), 'a name');
    assertRejected(await coadmin.delete(`/users/${id}?force=true`), 'a deletion');
  }
});

test('an administrator with a restricted status administers nothing', async () => {
  const id = await createUser('admin');
  const api = await createApi(id);
  await developer.call('PUT', `/users/${id}`, { body: { status: 'cannot_delete_edit' } });
  assert.equal((await api.post('/users', createBody())).status, 403);
  assert.equal((await api.delete(`/users/${await createUser()}`)).status, 403);
});
