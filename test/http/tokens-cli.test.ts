import assert from 'node:assert/strict';
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createKeyPair } from '../auth/auth-fixture.ts';
import { type AddedApp, addUserWithPassword, partwayJson, partwayWithInput } from '../auth/operator.ts';
import { partway, requestToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { readAllText } from '../support/test-database.ts';

interface CreatedToken {
  access_token: string;
  id: string;
  expires_at: string;
}

let server: TestServer;
let folder: string;
before(async () => {
  server = await startServer();
  folder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-cli-')));
});
after(() => server[Symbol.asyncDispose]());

const createApi = (token: string) => new Api({ url: server.url, token });
const createToken = (...args: string[]) => partwayJson<CreatedToken>(server, 'token', 'create', ...args);

test('a created token belongs to its user, and has the lifetime and scope that were given', async () => {
  const id = await addUserWithPassword(server, 'ada@partway.test', 'correct horse battery');
  const before = Date.now();
  const all = await createToken('--user', 'ada@partway.test', '--expires', '2d');
  assert.equal((await createApi(all.access_token).get('/users/me')).json.id, id);
  assert.ok(Date.parse(all.expires_at) >= before + 2 * 86_400_000);

  const created = (await createApi(all.access_token).post('/folders', { name: 'in', parent: { id: '0' } })).json;
  const resource = `folders/${created.id}`;
  const some = await createToken('--user', 'ada@partway.test', '--scope', 'base_explorer', '--resource', resource);
  assert.equal((await createApi(some.access_token).get(`/${resource}`)).status, 200);
  assert.equal((await createApi(some.access_token).get('/folders/0')).status, 404);
  assert.equal((await createApi(some.access_token).delete(`/${resource}`)).status, 403);

  const developers = await createToken();
  assert.equal((await createApi(developers.access_token).get('/users/me')).json.login, 'developer@partway.local');
});

test('rejects invalid values with a message that names them', async () => {
  for (const [args, message] of [
    [['token', 'create', '--user', 'nobody'], /no user with the login nobody/],
    [['token', 'create', '--scope', 'make_coffee'], /Unknown scopes: make_coffee/],
    [['token', 'create', '--resource', 'folders/42'], /has no folders\/42/],
    [['token', 'create', '--expires', 'soon'], /--expires must be a time/],
    [['token', 'revoke', 'x'], /no token x/],
    [['user', 'add', 'ada@partway.test'], /already/],
    [['app', 'add', 'x', '--redirect-uri', 'http://app.example.com/'], /cannot be used/],
    [['app', 'key', 'add', 'x', join(folder, 'missing.pem')], /missing\.pem/],
  ] as const) {
    await assert.rejects(partwayWithInput(server, '', ...args), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n +at /);
      return true;
    });
  }
  await assert.rejects(addUserWithPassword(server, 'short@partway.test', 'short'), /8 to 1024/);
  assert.doesNotMatch(await partway(server, 'user', 'list'), /short@partway\.test/);
});

test('tokens are listed without their secret, and can be revoked by ID', async () => {
  const created = await createToken('--scope', 'base_upload');
  const listed = await partway(server, 'token', 'list');
  assert.match(
    listed,
    new RegExp(`^${created.id}\taccess\tdeveloper@partway\\.local\t-\t${created.expires_at}\tbase_upload\t-$`, 'm'),
  );
  const all = await partwayJson<Record<string, unknown>[]>(server, 'token', 'list');
  for (const text of [listed, JSON.stringify(all)]) assert.ok(!text.includes(created.access_token));
  assert.deepEqual(
    all.find(({ id }) => id === created.id),
    {
      id: created.id,
      kind: 'access',
      user: 'developer@partway.local',
      app: null,
      client_id: null,
      expires_at: created.expires_at,
      scope: 'base_upload',
      restricted_to: null,
    },
  );
  await partway(server, 'token', 'revoke', created.id);
  assert.equal((await createApi(created.access_token).get('/users/me')).status, 401);
  assert.doesNotMatch(await partway(server, 'token', 'list'), new RegExp(created.id));
});

test('a token that a running server has cached ends within seconds of its revocation', async () => {
  const created = await createToken();
  assert.equal((await createApi(created.access_token).get('/users/me')).status, 200);
  await partway(server, 'token', 'revoke', created.id);
  while ((await createApi(created.access_token).get('/users/me')).status !== 401)
    await new Promise((next) => setTimeout(next, 100));
});

test('a new password ends the tokens of its user', async () => {
  const login = 'grace@partway.test';
  await addUserWithPassword(server, login, 'correct horse battery');
  const created = await createToken('--user', login);
  await partwayWithInput(server, 'another password', 'user', 'password', login);
  assert.equal((await createApi(created.access_token).get('/users/me')).status, 401);
});

test('apps are listed with their rights, redirect addresses and keys', async () => {
  await writeFile(join(folder, 'public.pem'), createKeyPair().publicPem);
  const uris = ['https://app.example.com/a', 'https://app.example.com/b'];
  const keys = ['--public-key', join(folder, 'public.pem')];
  const app = await partwayJson<AddedApp>(
    server,
    'app',
    'add',
    'Full',
    '--as-user',
    ...keys,
    '--redirect-uri',
    ...uris,
  );
  const key = await partwayJson<{ key_id: string }>(
    server,
    'app',
    'key',
    'add',
    app.client_id,
    join(folder, 'public.pem'),
  );
  const listed = await partwayJson<{ client_id: string; key_ids: string[] }[]>(server, 'app', 'list');
  const found = listed.find(({ client_id: id }) => id === app.client_id);
  assert.deepEqual(found?.key_ids.toSorted(), [...app.key_ids, key.key_id].toSorted());
  assert.deepEqual(found, {
    client_id: app.client_id,
    name: 'Full',
    service_user_id: app.service_user_id,
    as_user: true,
    redirect_uris: uris,
    key_ids: found.key_ids,
  });
  assert.ok(!JSON.stringify(listed).includes(app.client_secret));
});

test("the config file for Box's SDKs can be read only by its owner, and never replaces a file", async () => {
  const path = join(folder, 'config.json');
  const app = await partwayJson<AddedApp>(server, 'app', 'add', 'Signing', '--jwt-config', path);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const config = JSON.parse(await readFile(path, 'utf8'));
  assert.equal(config.boxAppSettings.appAuth.publicKeyID, app.key_ids[0]);
  assert.match(config.boxAppSettings.appAuth.privateKey, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
  await assert.rejects(partwayWithInput(server, '', 'app', 'add', 'Again', '--jwt-config', path), /already exists/);
  assert.equal(JSON.parse(await readFile(path, 'utf8')).boxAppSettings.clientID, app.client_id);
  assert.doesNotMatch(await partway(server, 'app', 'list'), /Again/);
});

test('the database contains no secret in plain text', async () => {
  const login = 'secret@partway.test';
  const password = 'a password of its own';
  await addUserWithPassword(server, login, password);
  const app = await partwayJson<AddedApp>(server, 'app', 'add', 'Secretive');
  const answer = await requestToken(server, {
    grant_type: 'client_credentials',
    client_id: app.client_id,
    client_secret: app.client_secret,
    box_subject_type: 'enterprise',
    box_subject_id: '1',
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  const rows = await readAllText(server.dataFolder);
  assert.ok(rows.includes(login));
  for (const secret of [password, app.client_secret, token]) {
    assert.ok(!rows.includes(secret));
  }
});
