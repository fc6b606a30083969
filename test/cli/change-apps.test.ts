import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AddedApp, partwayJson, partwayWithInput } from '../auth/operator.ts';
import { upload } from '../http/forms.ts';
import { getUserToken, partway, requestToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server[Symbol.asyncDispose]());

const operate = (...args: string[]) => partway(server, ...args);
const fails = (args: string[], message: RegExp) => assert.rejects(partwayWithInput(server, '', ...args), message);
const addApp = (name: string) => partwayJson<AddedApp>(server, 'app', 'add', name);
const listApps = async () => (await operate('app', 'list', '--value')).trim().split('\n');

const tokenFor = (app: AddedApp, clientSecret = app.client_secret) =>
  requestToken(server, {
    grant_type: 'client_credentials',
    client_id: app.client_id,
    client_secret: clientSecret,
    box_subject_type: 'enterprise',
    box_subject_id: '1',
  });
const grantToken = async (app: AddedApp) =>
  ((await (await tokenFor(app)).json()) as { access_token: string }).access_token;
const createApi = (token: string) => new Api({ url: server.url, token });
const userTokenFor = (app: AddedApp, userId: string) =>
  getUserToken(server, { clientId: app.client_id, clientSecret: app.client_secret, enterpriseId: '1' }, userId);

test('a removed app gets no tokens, those that it has end within seconds, and its service user is gone', async () => {
  const app = await addApp('leaving');
  const staying = await addApp('staying');
  const userId = (await operate('user', 'add', 'ann@example.com', '--value')).trim();
  const ownApi = createApi(await grantToken(app));
  const userApi = createApi(await userTokenFor(app, userId));
  const otherApi = createApi(await userTokenFor(staying, userId));
  for (const api of [ownApi, userApi]) assert.equal((await api.get('/users/me')).status, 200);
  const file = await upload(userApi, 'by-the-app.txt', 'kept');

  const removed = await partwayJson(server, 'app', 'remove', app.client_id);

  assert.deepEqual(removed, {
    client_id: app.client_id,
    service_user_id: app.service_user_id,
    service_user_kept: false,
  });
  const rejected = await tokenFor(app);
  assert.equal(((await rejected.json()) as { error: string }).error, 'invalid_client');
  for (const api of [ownApi, userApi]) await until(async () => (await api.get('/users/me')).status === 401);
  assert.deepEqual(
    await listApps(),
    (await listApps()).filter((id) => id !== app.client_id),
  );
  assert.equal((await new Api(server).get(`/users/${app.service_user_id}`)).status, 404);
  assert.doesNotMatch(await operate('token', 'list'), /leaving/);
  assert.equal(String(await otherApi.download(file.id)), 'kept');
  await fails(['app', 'remove', app.client_id], /There is no app/);
});

test('an app whose service user has files is removed only if the operator says what happens to them', async () => {
  const [first, second] = [await addApp('first'), await addApp('second')];
  for (const app of [first, second]) await upload(createApi(await grantToken(app)), 'mine.txt', 'bytes of the app');

  await fails(['app', 'remove', first.client_id], /has files.*--force.*--keep-user/);
  await fails(['app', 'remove', first.client_id, '--force', '--keep-user'], /not both/);
  assert.equal((await tokenFor(first)).status, 200);

  await operate('app', 'remove', first.client_id, '--force');
  assert.equal((await new Api(server).get(`/users/${first.service_user_id}`)).status, 404);

  const ownApi = createApi(await grantToken(second));
  await operate('app', 'remove', second.client_id, '--keep-user');
  await until(async () => (await ownApi.get('/users/me')).status === 401);
  const login = `app-${second.client_id}@partway.local`;
  const token = (await operate('token', 'create', '--user', login, '--value')).trim();
  const items = (await createApi(token).get('/folders/0/items')).json.entries;
  assert.deepEqual(
    items.map(({ name }: { name: string }) => name),
    ['mine.txt'],
  );
  assert.equal((await createApi(token).get('/users')).status, 403, 'it is no administrator any more');
  await operate('user', 'delete', login, '--force');
});

test('a new secret replaces the old one of an app, and its tokens stay valid', async () => {
  const app = await addApp('rotating');
  const api = createApi(await grantToken(app));
  const secret = (await operate('app', 'rotate', app.client_id, '--value')).trim();
  assert.match(secret, /^[\w-]{43}$/);
  assert.equal((await tokenFor(app)).status, 400);
  assert.equal((await tokenFor(app, secret)).status, 200);
  assert.equal((await api.get('/users/me')).status, 200);
  await fails(['app', 'rotate', 'nothing'], /There is no app nothing\. To list all apps, run: partway app list/);
});
