import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addApp, addUser, getUserToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let api: Api;
let users: { id: string; login: string }[];
const MESSAGE = 'Request is successful, please check the admin events for the status of the job';

before(async () => {
  server = await startServer();
  api = new Api(server);
  users = [];
  for (const login of ['one@example.com', 'two@example.com', 'three@example.com']) {
    users.push({ id: await addUser(server, login), login });
  }
});
after(() => server[Symbol.asyncDispose]());

async function createTokens(): Promise<string[]> {
  const app = await addApp(server);
  return Promise.all(users.map(({ id }) => getUserToken(server, app, id)));
}
const listStatuses = async (all: string[]) =>
  Promise.all(all.map(async (token) => (await new Api({ url: server.url, token }).get('/users/me')).status));
const terminate = (body?: unknown) => api.post('/users/terminate_sessions', body);

test('an administrator ends the sessions of the users that are named by ID or login, and of no other user', async () => {
  const all = await createTokens();
  assert.deepEqual(await listStatuses(all), [200, 200, 200]);
  const answer = await terminate({ user_ids: [users[0]?.id], user_logins: [users[1]?.login] });
  assert.deepEqual([answer.status, answer.json], [202, { message: MESSAGE }]);
  assert.deepEqual(await listStatuses(all), [401, 401, 200]);
});

test('either list can be missing or empty, and a user can be in both', async () => {
  const [one, two] = users;
  for (const body of [
    { user_ids: [one?.id] },
    { user_logins: [one?.login] },
    { user_ids: [one?.id, one?.id], user_logins: [one?.login] },
    { user_ids: [], user_logins: [one?.login, two?.login] },
    { user_ids: [one?.id], user_logins: null },
  ]) {
    const all = await createTokens();
    assert.equal((await terminate(body)).status, 202);
    assert.deepEqual((await listStatuses(all))[0], 401, JSON.stringify(body));
  }
});

test('a co-administrator can end the sessions of users, but not of administrators', async () => {
  const [one, two, three] = users;
  for (const [user, role] of [
    [two, 'coadmin'],
    [three, 'admin'],
  ] as const) {
    assert.equal((await api.call('PUT', `/users/${user?.id}`, { body: { role } })).status, 200);
  }
  const all = await createTokens();
  const coadmin = new Api({ url: server.url, token: all[1] ?? '' });
  const end = (ids: unknown[]) => coadmin.post('/users/terminate_sessions', { user_ids: ids });
  assert.equal((await end([one?.id, three?.id])).status, 403);
  assert.deepEqual(await listStatuses(all), [200, 200, 200]);
  assert.equal((await end([one?.id])).status, 202);
  assert.deepEqual(await listStatuses(all), [401, 200, 200]);
});

test('a request without users or with unknown users ends no sessions and is rejected', async () => {
  const all = await createTokens();
  const known = [users[0]?.id];
  for (const [body, status] of [
    [undefined, 400],
    [{}, 400],
    [{ user_ids: [], user_logins: [] }, 400],
    [{ user_ids: users[0]?.id }, 400],
    [{ user_ids: [{}] }, 400],
    [{ user_ids: Array.from({ length: 1001 }, () => '1') }, 400],
    [{ user_ids: [...known, '999999'] }, 404],
    [{ user_ids: [...known, 'x'] }, 404],
    [{ user_ids: known, user_logins: ['nobody@example.com'] }, 404],
  ] as const) {
    const answer = await terminate(body);
    assert.equal(answer.status, status, `${JSON.stringify(body)?.slice(0, 100)} ${answer.text}`);
  }
  assert.deepEqual(await listStatuses(all), [200, 200, 200]);
});
