import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { UserId } from '../../packages/protocol/src/ids.ts';
import { createToken } from '../../packages/server/src/auth/tokens/create.ts';
import { addUser } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { openTestDatabase } from '../support/test-database.ts';

let server: TestServer;
let users = 0;

before(async () => {
  server = await startServer({
    env: {
      PARTWAY_RATE_LIMIT: '1',
      PARTWAY_MAX_ITEMS: '2',
      PARTWAY_MAX_FILE_SIZE: '50000000',
      PARTWAY_MIN_SESSION_SIZE: '1000',
    },
  });
});
after(() => server[Symbol.asyncDispose]());

/** Calls until the rate limit is reached. The next call in this minute exceeds it, too. */
async function exhaustRate(api: Api): Promise<void> {
  for (let calls = 0; (await api.get('/users/me')).status !== 429; calls++) assert.ok(calls < 10);
}

/** Creates a user. If `isFull`, the item counter says that the user has as many items as the limit allows. */
async function createUser({ isFull }: { isFull: boolean }): Promise<Api> {
  users += 1;
  const login = `u${users}@partway.test`;
  const id = Number(await addUser(server, login)) as UserId;
  const db = await openTestDatabase(server.dataFolder);
  if (isFull) await db.updateTable('users').set({ item_count: 2 }).where('id', '=', id).execute();
  // Created directly: token exchanges count toward a rate of their own.
  const expiresAt = Date.now() + 3_600_000;
  const { token } = await createToken(db, { login, expiresAt, scope: undefined, resource: undefined });
  await db.destroy();
  const api = new Api({ url: server.url, token });
  await exhaustRate(api);
  return api;
}

const ROUTES = [
  ['POST', '/folders', { name: 'x', parent: {} }, { name: 'x', parent: { id: '0' } }],
  ['POST', '/folders/1/copy', { parent: 5 }, { parent: { id: '0' }, name: 'x' }],
  [
    'POST',
    '/files/upload_sessions',
    { folder_id: '0', file_name: 'x', file_size: 'large' },
    { folder_id: '0', file_name: 'x', file_size: 2_000 },
  ],
] as const;

test('a malformed call gets 400, one beyond a storage limit 403 and one beyond the rate 429, in this order', async () => {
  const full = await createUser({ isFull: true });
  const free = await createUser({ isFull: false });
  for (const [method, path, malformed, valid] of ROUTES) {
    for (const api of [full, free]) {
      await exhaustRate(api);
      assert.equal((await api.call(method, path, { body: malformed })).status, 400, path);
    }
    await exhaustRate(full);
    const limited = await full.call(method, path, { body: valid });
    assert.deepEqual([limited.status, limited.json.code], [403, 'storage_limit_exceeded'], path);
    assert.equal(limited.json.context_info.limit, 'PARTWAY_MAX_ITEMS');
    await exhaustRate(free);
    const { status, headers, json } = await free.call(method, path, { body: valid });
    assert.deepEqual([status, json.code], [429, 'rate_limit_exceeded'], path);
    assert.ok(Number(headers['retry-after']) >= 1);
  }
});

test('beyond the rate, a malformed list or change still gets 400, and a valid one gets 429', async () => {
  const api = await createUser({ isFull: false });
  for (const list of ['/folders/0/items', '/folders/trash/items']) {
    for (const query of ['limit=0', 'offset=x', 'sort=colour', 'marker=%21']) {
      assert.equal((await api.get(`${list}?${query}`)).status, 400, query);
    }
    await exhaustRate(api);
    assert.equal((await api.get(list)).status, 429);
  }
  for (const path of ['/folders/1', '/files/1']) {
    assert.equal((await api.call('PUT', path, { body: { name: 'a/b' } })).status, 400, path);
    await exhaustRate(api);
    assert.equal((await api.call('PUT', path, { body: { name: 'renamed' } })).status, 429, path);
  }
});

test('an invalid token gets 401, no matter what else is wrong', async () => {
  const { status } = await new Api({ url: server.url, token: 'x'.repeat(20) }).call('POST', '/folders', { body: {} });
  assert.equal(status, 401);
});

test('a file above the maximum size gets 403 before the rate is checked', async () => {
  const api = await createUser({ isFull: false });
  const body = { folder_id: '0', file_name: 'x', file_size: 50_000_001 };
  const { status, json } = await api.post('/files/upload_sessions', body);
  assert.deepEqual([status, json.code], [403, 'file_size_limit_exceeded']);
});
