import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { UserId } from '../../packages/protocol/src/ids.ts';
import { createToken } from '../../packages/server/src/auth/tokens/create.ts';
import { addUser } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { openRows } from '../support/rows.ts';
import { startServer, type TestServer } from '../support/server.ts';

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

/** Calls until a call is one too many; the next one of this minute is, too. */
async function spend(api: Api): Promise<void> {
  for (let calls = 0; (await api.get('/users/me')).status !== 429; calls++) assert.ok(calls < 10);
}

/** A user, who has as many items as a user may have by the counter if `isFull`. */
async function newUser({ isFull }: { isFull: boolean }): Promise<Api> {
  users += 1;
  const login = `u${users}@partway.test`;
  const id = Number(await addUser(server, login)) as UserId;
  const db = await openRows(server.dataFolder);
  if (isFull) await db.updateTable('users').set({ item_count: 2 }).where('id', '=', id).execute();
  // Made by hand: exchanges count toward a rate of their own.
  const expiresAt = Date.now() + 3_600_000;
  const { token } = await createToken(db, { login, expiresAt, scope: undefined, resource: undefined });
  await db.destroy();
  const api = new Api({ url: server.url, token });
  await spend(api);
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

test('of a call that is malformed, beyond a limit and one too many, each is answered in this order: 400, 403, 429', async () => {
  const full = await newUser({ isFull: true });
  const free = await newUser({ isFull: false });
  for (const [method, path, malformed, right] of ROUTES) {
    for (const api of [full, free]) {
      await spend(api);
      assert.equal((await api.call(method, path, { body: malformed })).status, 400, path);
    }
    await spend(full);
    const limited = await full.call(method, path, { body: right });
    assert.deepEqual([limited.status, limited.json.code], [403, 'storage_limit_exceeded'], path);
    assert.equal(limited.json.context_info.limit, 'PARTWAY_MAX_ITEMS');
    await spend(free);
    const { status, headers, json } = await free.call(method, path, { body: right });
    assert.deepEqual([status, json.code], [429, 'rate_limit_exceeded'], path);
    assert.ok(Number(headers['retry-after']) >= 1);
  }
});

test('a list and a change with a malformed address or body are 400 even beyond the rate, and a right one is 429', async () => {
  const api = await newUser({ isFull: false });
  for (const list of ['/folders/0/items', '/folders/trash/items']) {
    for (const query of ['limit=0', 'offset=x', 'sort=colour', 'marker=%21']) {
      assert.equal((await api.get(`${list}?${query}`)).status, 400, query);
    }
    await spend(api);
    assert.equal((await api.get(list)).status, 429);
  }
  for (const path of ['/folders/1', '/files/1']) {
    assert.equal((await api.call('PUT', path, { body: { name: 'a/b' } })).status, 400, path);
    await spend(api);
    assert.equal((await api.call('PUT', path, { body: { name: 'renamed' } })).status, 429, path);
  }
});

test('a token that is none is 401, whatever else is wrong', async () => {
  const { status } = await new Api({ url: server.url, token: 'x'.repeat(20) }).call('POST', '/folders', { body: {} });
  assert.equal(status, 401);
});

test('a file beyond the largest size is 403 before the rate is looked at', async () => {
  const api = await newUser({ isFull: false });
  const body = { folder_id: '0', file_name: 'x', file_size: 50_000_001 };
  const { status, json } = await api.post('/files/upload_sessions', body);
  assert.deepEqual([status, json.code], [403, 'file_size_limit_exceeded']);
});
