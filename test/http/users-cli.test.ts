import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { partwayJson, partwayWithInput } from '../auth/operator.ts';
import { addApp, addUser, getUserToken, partway, requestToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { upload } from './forms.ts';

interface ListedUser {
  id: string;
  login: string;
  status: string;
  space_used: number;
  space_reserved: number;
  quota: number | string;
}

let server: TestServer;
before(async () => {
  server = await startServer({ env: { PARTWAY_USER_QUOTA: '100', PARTWAY_MIN_SESSION_SIZE: '0' } });
});
after(() => server[Symbol.asyncDispose]());

async function findUser(login: string): Promise<ListedUser | undefined> {
  return (await partwayJson<ListedUser[]>(server, 'user', 'list')).find((one) => one.login === login);
}

test('an operator can give a user a quota, which applies immediately, and see how much the user stores', async () => {
  await partway(server, 'user', 'add', 'kept@example.com', '--quota', '1kB');
  const app = await addApp(server);
  const { id } = (await findUser('kept@example.com')) as ListedUser;
  const api = new Api({ url: server.url, token: await getUserToken(server, app, id) });
  const createSession = (size: number, name: string) =>
    api.post('/files/upload_sessions', { folder_id: '0', file_size: size, file_name: name });
  await upload(api, 'small.txt', 'x'.repeat(300));
  assert.equal((await createSession(700, 'fits.bin')).status, 201);
  assert.deepEqual(
    { ...(await findUser('kept@example.com')), id: '' },
    {
      id: '',
      login: 'kept@example.com',
      name: 'kept@example.com',
      status: 'active',
      can_log_in: false,
      space_used: 300,
      space_reserved: 700,
      quota: 1000,
    },
  );
  assert.match(
    await partway(server, 'user', 'list'),
    new RegExp(`^${id}\tkept@example\\.com\tkept@example\\.com\tactive\t300\t700\t1000$`, 'm'),
  );

  const rejected = await createSession(1, 'over.bin');
  assert.deepEqual([rejected.status, rejected.json.code], [403, 'storage_limit_exceeded']);
  assert.match(await partway(server, 'user', 'quota', 'kept@example.com', '2KiB'), /is 2048 bytes/);
  assert.equal((await api.get('/users/me')).json.space_amount, 2048);
  assert.equal((await createSession(1, 'over.bin')).status, 201);
});

test("a quota can be unlimited or the server's default", async () => {
  const id = await addUser(server, 'free@example.com');
  const api = new Api(server);
  const space = async () => (await api.get(`/users/${id}`)).json.space_amount;
  assert.equal(await space(), 100);

  await partway(server, 'user', 'quota', 'free@example.com', 'none');
  assert.deepEqual([await space(), (await findUser('free@example.com'))?.quota], [999_999_999_999_999, 'none']);
  await partway(server, 'user', 'quota', 'free@example.com', '0');
  assert.deepEqual([await space(), (await findUser('free@example.com'))?.quota], [0, 0]);
  await partway(server, 'user', 'quota', 'free@example.com', 'default');
  assert.deepEqual([await space(), (await findUser('free@example.com'))?.quota], [100, 'default']);
});

test('an operator can make a user inactive, and active again', async () => {
  const app = await addApp(server);
  const id = await addUser(server, 'left@example.com');
  const token = await getUserToken(server, app, id);

  await partway(server, 'user', 'status', 'left@example.com', 'inactive');

  assert.equal((await findUser('left@example.com'))?.status, 'inactive');
  assert.equal((await new Api({ url: server.url, token }).get('/users/me')).status, 401);
  const rejected = await requestToken(server, {
    grant_type: 'client_credentials',
    client_id: app.clientId,
    client_secret: app.clientSecret,
    box_subject_type: 'user',
    box_subject_id: id,
  });
  const body = (await rejected.json()) as Record<string, string>;
  assert.deepEqual([rejected.status, body.error], [400, 'invalid_grant']);
  assert.match(body.error_description ?? '', /inactive/);

  await partway(server, 'user', 'status', 'left@example.com', 'active');
  await getUserToken(server, app, id);
});

test('rejects invalid values with a message that names them', async () => {
  for (const [args, message] of [
    [['quota', 'nobody', '1GB'], /no user with the login nobody/],
    [['quota', 'free@example.com', 'much'], /much is not a quota. Use a size such as/],
    [['quota', 'free@example.com', '-1'], /unknown option|not a quota/],
    [['add', 'new@example.com', '--quota', 'much'], /much is not a quota/],
    [['status', 'nobody', 'inactive'], /no user with the login nobody/],
    [['status', 'free@example.com', 'retired'], /retired is not a status. Use one of: active, cannot_delete_edit/],
    [['status', 'developer@partway.local', 'inactive'], /always active/],
  ] as const) {
    await assert.rejects(partwayWithInput(server, '', 'user', ...args), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n +at /);
      return true;
    });
  }
  assert.equal(await findUser('new@example.com'), undefined);
});

test('an operator cannot add users or apps that the API would reject, because the rules for logins and names are the same', async () => {
  const before = (await partwayJson<ListedUser[]>(server, 'user', 'list')).length;
  await partway(server, 'user', 'add', 'Twice@example.com');
  for (const args of [
    ['user', 'add', 'with space@example.com'],
    ['user', 'add', 'a\u200bb@example.com'],
    ['user', 'add', 'x'.repeat(255)],
    ['user', 'add', 'named@example.com', '--name', '  '],
    ['user', 'add', 'named@example.com', '--name', 'a\nb'],
    ['user', 'add', 'TWICE@EXAMPLE.COM'],
    ['app', 'add', ' '],
    ['app', 'add', 'x'.repeat(255)],
  ]) {
    await assert.rejects(partway(server, ...args), /must have|already/, args.join(' '));
  }
  assert.equal((await partwayJson<ListedUser[]>(server, 'user', 'list')).length, before + 1);
});
