import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RawBuilder, sql } from 'kysely';
import type { UserId } from '../../packages/protocol/src/ids.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import { newItemRow } from '../../packages/server/src/files/items.ts';
import { addApp, getUserToken, requestToken, type TestApp } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { seededBytes, sha1Base64 } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { listStoredBlobs } from '../support/storage.ts';
import { onlySqlite, openTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';
import { upload } from './forms.ts';

const SIZE = 70_000;

let server: TestServer;
let admin: Api;
let app: TestApp;

before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' } });
  admin = new Api(server);
  app = await addApp(server);
});
after(() => server[Symbol.asyncDispose]());

interface Member {
  id: string;
  login: string;
  api: Api;
}

async function createMember(login: string): Promise<Member> {
  const { json } = await admin.post('/users', { name: login, login });
  return { id: json.id, login, api: new Api({ url: server.url, token: await getUserToken(server, app, json.id) }) };
}

const deleteUser = ({ id }: Member, query = '') => admin.delete(`/users/${id}${query}`);

/** Runs a statement directly on the database and returns its rows. */
async function query(statement: RawBuilder<Record<string, unknown>>): Promise<Record<string, unknown>[]> {
  const db = await openTestDatabase(server.dataFolder);
  try {
    return (await statement.execute(db)).rows;
  } finally {
    await db.destroy();
  }
}

/** Which of these blobs have bytes in the store, in any state. */
async function findStored(blobs: readonly string[]): Promise<string[]> {
  const stored = new Set<string>((await listStoredBlobs(server.dataFolder)).map(({ blob }) => blob));
  return blobs.filter((id) => stored.has(id));
}

async function listBlobs({ id }: Member): Promise<string[]> {
  const found = await query(
    sql`select blob_id as c from versions join items on items.id = file_id where owner_id = ${Number(id)}
        union select blob_id from upload_sessions where owner_id = ${Number(id)} order by 1`,
  );
  return found.map(({ c }) => String(c));
}

/** A user with everything that can be owned: versions, copies, a tree, a trash, and finished and unfinished uploads. */
async function createOwner(login: string): Promise<Member> {
  const owner = await createMember(login);
  const { api } = owner;
  const folder = (await api.post('/folders', { name: 'tree', parent: { id: '0' } })).json.id;
  const below = (await api.post('/folders', { name: 'below', parent: { id: folder } })).json.id;
  const file = await upload(api, 'file.bin', `first ${login}`, below);
  const version = await api.post(`/files/${file.id}/upload_sessions`, { file_size: SIZE });
  const bytes = seededBytes(SIZE, login);
  const parts = await api.uploadParts(version.json, bytes);
  assert.equal((await api.commit(version.json.id, parts, bytes)).status, 201);
  assert.equal((await api.post(`/files/${file.id}/copy`, { parent: { id: '0' } })).status, 201);
  assert.equal((await api.call('PUT', `/files/${file.id}`, { body: { lock: {} } })).status, 200);
  const trashed = await upload(api, 'trashed.bin', `trashed ${login}`, folder);
  assert.equal((await api.delete(`/files/${trashed.id}`)).status, 204);
  const session = await api.createSession('open.bin', SIZE, below);
  await api.putPart(session.id, { offset: 0, bytes: bytes.subarray(0, 65_536), total: SIZE });
  return owner;
}

test('a user who owns nothing can be deleted, their tokens end immediately, and their login is free', async () => {
  const member = await createMember('empty@example.com');
  assert.equal((await member.api.get('/users/me')).status, 200);

  const answer = await deleteUser(member, '?notify=true');

  assert.deepEqual([answer.status, answer.text], [204, '']);
  assert.equal((await member.api.get('/users/me')).status, 401);
  const form = { grant_type: 'client_credentials', client_id: app.clientId, client_secret: app.clientSecret };
  const rejected = await requestToken(server, { ...form, box_subject_type: 'user', box_subject_id: member.id });
  assert.equal(((await rejected.json()) as { error: string }).error, 'invalid_grant');
  assert.equal((await deleteUser(member)).status, 404);
  assert.notEqual((await createMember(member.login)).id, member.id);
});

for (const [owned, furnish] of Object.entries<(api: Api) => Promise<unknown>>({
  'a file': (api) => upload(api, 'kept.bin', 'bytes'),
  'an empty folder': (api) => api.post('/folders', { name: 'kept', parent: { id: '0' } }),
  'a file in the trash': async (api) => api.delete(`/files/${(await upload(api, 'kept.bin', 'bytes')).id}`),
  'an upload in progress': (api) => api.createSession('kept.bin', SIZE),
})) {
  test(`a user who owns ${owned} is deleted only with force=true`, async () => {
    const owner = await createMember(`owner-of-${owned.replaceAll(' ', '-')}@example.com`);
    await furnish(owner.api);
    for (const query of ['', '?force=false', '?force=1', '?force=', '?notify=true', '?force=true&force=true']) {
      const { status, json } = await deleteUser(owner, query);
      assert.deepEqual([status, json?.code], [400, 'bad_request'], query);
    }
    const inBody = await admin.call('DELETE', `/users/${owner.id}`, { body: { force: true } });
    assert.equal(inBody.status, 400, 'force is a query parameter, not a field of the body');
    assert.equal((await owner.api.get('/users/me')).status, 200);

    assert.equal((await deleteUser(owner, '?force=true')).status, 204);
    assert.equal((await owner.api.get('/users/me')).status, 401);
  });
}

test('a forced deletion removes all rows and bytes of a user, and keeps those of other users', async () => {
  const [owner, neighbor] = [await createOwner('owner@example.com'), await createOwner('neighbor@example.com')];
  const [ownBlobs, neighborBlobs] = [await listBlobs(owner), await listBlobs(neighbor)];
  assert.equal(ownBlobs.length, 4);
  assert.deepEqual(await findStored(ownBlobs), ownBlobs);
  const before = await neighbor.api.get('/users/me');

  assert.equal((await deleteUser(owner, '?force=True')).status, 204);

  assert.deepEqual(await findStored(ownBlobs), []);
  const columns = [
    'items.owner_id',
    'upload_sessions.owner_id',
    'locks.created_by',
    'access_tokens.user_id',
    'users.id',
  ];
  for (const column of columns) {
    const [table = ''] = column.split('.');
    assert.deepEqual(
      await query(sql`select * from ${sql.table(table)} where ${sql.ref(column)} = ${Number(owner.id)}`),
      [],
      column,
    );
  }
  assert.deepEqual(await query(sql`select * from versions where file_id not in (select id from items)`), []);
  if (!onlySqlite) assert.deepEqual(await query(sql`pragma foreign_key_check`), []);
  assert.deepEqual(await listBlobs(neighbor), neighborBlobs);
  assert.deepEqual(await findStored(neighborBlobs), neighborBlobs);
  assert.deepEqual((await neighbor.api.get('/users/me')).json, before.json);
  const copy = (await neighbor.api.get('/folders/0/items')).json.entries.find(
    (one: { name: string }) => one.name === 'file.bin',
  );
  assert.deepEqual(await neighbor.api.download(copy.id), seededBytes(SIZE, neighbor.login));
});

test("bytes that another user's version references are kept when their first owner is deleted", async () => {
  const [owner, heir] = [await createMember('first-owner@example.com'), await createMember('heir@example.com')];
  await upload(owner.api, 'shared.bin', 'the same bytes');
  const inherited = await upload(heir.api, 'shared.bin', 'the same bytes');
  const [blob] = await listBlobs(owner);
  await query(sql`update versions set blob_id = ${String(blob)} where file_id = ${Number(inherited.id)}`);

  assert.equal((await deleteUser(owner, '?force=true')).status, 204);

  assert.equal(String(await heir.api.download(inherited.id)), 'the same bytes');
  assert.equal((await deleteUser(heir, '?force=true')).status, 204);
  assert.deepEqual(await findStored([String(blob)]), []);
});

test('an upload that is in progress while its user is deleted ends without a file and without bytes', async () => {
  const owner = await createMember('uploading@example.com');
  const session = await owner.api.createSession('late.bin', SIZE);
  const bytes = seededBytes(SIZE, 'late');
  const { promise: deleted, resolve } = Promise.withResolvers<void>();
  async function* slowly() {
    yield bytes.subarray(0, 1000);
    await deleted;
    yield bytes.subarray(1000, 65_536);
  }
  const late = owner.api.call('PUT', `/files/upload_sessions/${session.id}`, {
    headers: {
      digest: `sha=${sha1Base64(bytes.subarray(0, 65_536))}`,
      'content-range': `bytes 0-65535/${SIZE}`,
      'content-length': 65_536,
    },
    body: slowly(),
  });
  const blobs = await listBlobs(owner);

  assert.equal((await deleteUser(owner, '?force=true')).status, 204);
  resolve();

  const answer = await late;
  assert.deepEqual([answer.status, answer.json.code], [404, 'upload_session_not_found']);
  assert.deepEqual(await findStored(blobs), []);
});

test('if a user is deleted twice at once, one request succeeds and the other finds no user', async () => {
  const owner = await createOwner('twice@example.com');
  const answers = await Promise.all([deleteUser(owner, '?force=true'), deleteUser(owner, '?force=true')]);
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [204, 404]);
});

test('a user with more rows than a batch is deleted completely, and an interrupted deletion hides the user until a background job finishes it', async () => {
  await using serverWithJobs = await startServer({ env: { PARTWAY_SWEEP_INTERVAL: '50ms' } });
  const operator = new Api(serverWithJobs);
  const createLargeUser = async (login: string): Promise<string> => {
    const { json } = await operator.post('/users', { name: login, login });
    const db = await openTestDatabase(serverWithJobs.dataFolder);
    const { id, root_id: root } = await db
      .selectFrom('users')
      .select(['id', 'root_id'])
      .where('login', '=', login)
      .executeTakeFirstOrThrow();
    const folder = { kind: 'folder' as const, folderId: root, description: '', details: '', versionId: null, by: id };
    const rows = Array.from({ length: 450 }, (_, n) =>
      newItemRow({ ...folder, id: newId(), name: `${n}`, now: 0, contentCreatedAt: 0, contentModifiedAt: 0, size: 0 }),
    );
    await db.insertInto('items').values(rows).execute();
    await db.updateTable('items').set({ child_count: 450 }).where('id', '=', root).execute();
    await db.updateTable('users').set({ item_count: 450 }).where('id', '=', id).execute();
    await db.destroy();
    return json.id;
  };
  const countRows = async (id: string) => {
    const db = await openTestDatabase(serverWithJobs.dataFolder);
    try {
      const owned = await db
        .selectFrom('items')
        .select('id')
        .where('owner_id', '=', Number(id) as UserId)
        .execute();
      const user = await db
        .selectFrom('users')
        .select('id')
        .where('id', '=', Number(id) as UserId)
        .execute();
      return owned.length + user.length;
    } finally {
      await db.destroy();
    }
  };

  const one = await createLargeUser('large@example.com');
  assert.equal((await operator.delete(`/users/${one}`)).status, 400);
  assert.equal((await operator.delete(`/users/${one}?force=true`)).status, 204);
  assert.equal(await countRows(one), 0);

  const two = await createLargeUser('cut@example.com');
  const db = await openTestDatabase(serverWithJobs.dataFolder);
  const id = Number(two) as UserId;
  const { root_id: root } = await db
    .selectFrom('users')
    .select('root_id')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const job = { kind: 'delete-user' as const, owner_id: id, root_id: root, source_id: null };
  await db
    .insertInto('tree_jobs')
    .values({ ...job, id: newId(), lease_until: Date.now() + 600_000 })
    .execute();
  assert.equal((await operator.get(`/users/${two}`)).status, 404);
  assert.equal((await operator.delete(`/users/${two}?force=true`)).status, 404);
  assert.equal(await countRows(two), 452);
  await db.updateTable('tree_jobs').set({ lease_until: 0 }).execute();
  await db.destroy();
  await until(async () => (await countRows(two)) === 0);
});
