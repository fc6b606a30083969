import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addUserWithPassword, partwayJson, partwayWithInput } from '../auth/operator.ts';
import { upload } from '../http/forms.ts';
import { partway } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { seededBytes } from '../support/bytes.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { listStoredBlobs } from '../support/storage.ts';
import { until } from '../support/until.ts';

const SIZE = 70_000;
let server: TestServer;
before(async () => {
  server = await startServer({ env: { PARTWAY_PART_SIZE: '65536', PARTWAY_MIN_SESSION_SIZE: '1000' } });
});
after(() => server[Symbol.asyncDispose]());

const operate = (...args: string[]) => partway(server, ...args);
const fails = (args: string[], message: RegExp) => assert.rejects(partwayWithInput(server, '', ...args), message);
const listLogins = async () => (await operate('user', 'list', '--value')).trim().split('\n');

async function addUser(login: string): Promise<{ id: string; api: Api }> {
  const id = (await operate('user', 'add', login, '--value')).trim();
  const token = (await operate('token', 'create', '--user', login, '--value')).trim();
  return { id, api: new Api({ url: server.url, token }) };
}

test('a user without files is deleted, their tokens end within seconds, and their login is free', async () => {
  const { id, api } = await addUser('empty@example.com');
  assert.equal((await api.get('/users/me')).status, 200);

  assert.deepEqual(await partwayJson(server, 'user', 'delete', 'EMPTY@example.com'), {
    id,
    login: 'empty@example.com',
  });

  await until(async () => (await api.get('/users/me')).status === 401);
  assert.ok(!(await listLogins()).includes('empty@example.com'));
  assert.notEqual((await addUser('empty@example.com')).id, id);
});

test('a user with files is deleted only with --force, and then with all bytes and open uploads, next to a running server', async () => {
  const { id, api } = await addUser('full@example.com');
  const neighbor = await addUser('neighbor@example.com');
  const kept = await upload(neighbor.api, 'kept.txt', 'kept');
  const before = (await listStoredBlobs(server.dataFolder)).length;
  const folder = (await api.post('/folders', { name: 'tree', parent: { id: '0' } })).json.id;
  await upload(api, 'a.txt', 'bytes', folder);
  const trashed = await upload(api, 'b.txt', 'trashed', folder);
  assert.equal((await api.delete(`/files/${trashed.id}`)).status, 204);
  const session = await api.createSession('open.bin', SIZE);
  const bytes = seededBytes(SIZE, 'open');
  await api.putPart(session.id, { offset: 0, bytes: bytes.subarray(0, 65_536), total: SIZE });

  await fails(['user', 'delete', 'full@example.com'], /managed content: .*--force on the command line/);
  assert.equal((await api.get('/users/me')).status, 200);

  await operate('user', 'delete', 'full@example.com', '--force');

  await until(async () => (await api.get('/users/me')).status === 401);
  assert.equal((await new Api(server).get(`/users/${id}`)).status, 404);
  assert.equal((await listStoredBlobs(server.dataFolder)).length, before);
  assert.equal(String(await neighbor.api.download(kept.id)), 'kept');
});

test('the developer, the service users of apps and unknown users cannot be deleted', async () => {
  const app = await partwayJson<{ client_id: string }>(server, 'app', 'add', 'needed');
  await fails(['user', 'delete', 'developer@partway.local', '--force'], /developer and the service users of apps/);
  await fails(['user', 'delete', `app-${app.client_id}@partway.local`], /deleted with its app/);
  await fails(['user', 'delete', 'nobody@example.com'], /no user with the login nobody@example\.com/);
  assert.equal((await new Api(server).get('/users/me')).status, 200);
});

test('a renamed user keeps files, tokens and password, and the old login is free', async () => {
  const { id, api } = await addUser('before@example.com');
  const file = await upload(api, 'mine.txt', 'mine');
  const renamed = await partwayJson(
    server,
    'user',
    'rename',
    'Before@example.com',
    'after@example.com',
    '--name',
    'Ann',
  );
  assert.deepEqual(renamed, { id, login: 'after@example.com', name: 'Ann' });

  await until(async () => (await api.get('/users/me')).json.login === 'after@example.com');
  assert.equal((await api.get('/users/me')).json.name, 'Ann');
  assert.equal(String(await api.download(file.id)), 'mine');
  await fails(['token', 'create', '--user', 'before@example.com'], /no user/);
  assert.notEqual((await addUser('before@example.com')).id, id);
});

test('a user can be renamed to the same login in other letters, but not to the login of another user', async () => {
  await addUserWithPassword(server, 'case@example.com', 'correct horse battery');
  await operate('user', 'rename', 'case@example.com', 'CASE@example.com');
  assert.ok((await listLogins()).includes('CASE@example.com'));
  await addUser('taken@example.com');
  await fails(['user', 'rename', 'case@example.com', 'TAKEN@example.com'], /already exists: TAKEN@example\.com/);
  await fails(['user', 'rename', 'case@example.com', 'Developer@partway.local'], /already exists/);
  await fails(['user', 'rename', 'case@example.com', 'with space@example.com'], /login must/);
  await fails(['user', 'rename', 'case@example.com', 'x@example.com', '--name', ' '], /name must/);
  await fails(['user', 'rename', 'nobody@example.com', 'x@example.com'], /no user with the login nobody/);
  await fails(['user', 'rename', 'developer@partway.local', 'x@example.com'], /logins of the developer/);
  assert.ok(!(await listLogins()).includes('x@example.com'));
});
