import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import {
  BoxCcgAuth,
  BoxClient,
  BoxDeveloperTokenAuth,
  BoxJwtAuth,
  BoxOAuth,
  CcgConfig,
  JwtConfig,
  OAuthConfig,
} from 'box-node-sdk';
import { BoxApiError } from 'box-node-sdk/box';
import { BaseUrls, NetworkSession } from 'box-node-sdk/networking';
import { leadsTo, openPage, sendForm } from '../auth/browser.ts';
import { type AddedApp, addUserWith, partwayJson } from '../auth/operator.ts';
import { Api } from '../support/api.ts';
import { leftoverFolder } from '../support/leftovers.ts';
import { startServer, type TestServer } from '../support/server.ts';

const LOGIN = 'ada@partway.test';
const PASSWORD = 'correct horse battery';
const REDIRECT = 'http://localhost:9/callback';

let server: TestServer;
let app: AddedApp;
let config: string;
let userId: string;
before(async () => {
  server = await startServer();
  userId = await addUserWith(server, LOGIN, PASSWORD);
  config = join(leftoverFolder(await mkdtemp(join(tmpdir(), 'partway-sdk-'))), 'config.json');
  app = await partwayJson(server, 'app', 'add', 'SDK', '--as-user', '--redirect-uri', REDIRECT, '--jwt-config', config);
});
after(() => server[Symbol.asyncDispose]());

const network = () => {
  const urls = { baseUrl: server.url, uploadUrl: `${server.url}/api`, oauth2Url: `${server.url}/api/oauth2` };
  return new NetworkSession({}).withCustomBaseUrls(new BaseUrls(urls));
};
const clientOf = (auth: BoxClient['auth']) => new BoxClient({ auth, networkSession: network() });
const clientWith = (token: string | undefined) => clientOf(new BoxDeveloperTokenAuth({ token: token ?? '' }));
/** The SDK says of every 401 that the developer token has expired. */
const statusWith = async (token: string | undefined) =>
  (await new Api({ url: server.url, token: token ?? '' }).get('/users/me')).status;
const isRefused = (status: number) => (error: unknown) =>
  error instanceof BoxApiError && error.responseInfo.statusCode === status;

async function uploadedBy(client: BoxClient, name: string): Promise<string> {
  const attributes = { name, parent: { id: '0' } };
  const { entries } = await client.uploads.uploadFile({ attributes, file: Readable.from([Buffer.from('x')]) });
  return entries?.[0]?.id ?? '';
}

test('JwtAuth: the config file, the app itself, a user, downscoping and revoking', async () => {
  const auth = new BoxJwtAuth({ config: JwtConfig.fromConfigFile(config) });
  assert.equal((await clientOf(auth).users.getUserMe()).id, app.service_user_id);
  const asUser = auth.withUserSubject(userId);
  assert.equal((await clientOf(asUser).users.getUserMe()).login, LOGIN);

  const id = await uploadedBy(clientOf(asUser), 'signed.txt');
  const narrow = await asUser.downscopeToken(
    ['item_preview', 'item_rename'],
    `https://api.box.com/2.0/files/${id}`,
    undefined,
    network(),
  );
  const client = clientWith(narrow.accessToken);
  assert.equal((await client.files.getFileById(id)).id, id);
  await assert.rejects(client.files.deleteFileById(id), isRefused(403));
  await assert.rejects(client.folders.getFolderById('0'), isRefused(404));
  assert.deepEqual(
    narrow.restrictedTo?.map(({ scope }) => scope),
    ['item_preview', 'item_rename'],
  );

  const token = await asUser.retrieveToken(network());
  await asUser.revokeToken(network());
  assert.equal(await statusWith(token.accessToken), 401);
  assert.equal(await statusWith(narrow.accessToken), 401);
});

test('CcgAuth: the app itself, a user, As-User, downscoping and revoking', async () => {
  const { client_id: clientId, client_secret: clientSecret, enterprise_id: enterpriseId } = app;
  const auth = new BoxCcgAuth({ config: new CcgConfig({ clientId, clientSecret, enterpriseId }) });
  const client = clientOf(auth);
  assert.equal((await client.users.getUserMe()).id, app.service_user_id);
  assert.equal((await client.withAsUserHeader(userId).users.getUserMe()).id, userId);
  assert.equal((await clientOf(auth.withUserSubject(userId)).users.getUserMe()).id, userId);

  const { accessToken } = await auth.downscopeToken(['base_upload'], undefined, undefined, network());
  const id = await uploadedBy(clientWith(accessToken), 'dropped.txt');
  await assert.rejects(clientWith(accessToken).files.getFileById(id), isRefused(403));

  const token = await auth.retrieveToken(network());
  await auth.revokeToken(network());
  assert.equal(await statusWith(token.accessToken), 401);
});

test('OAuth: login, refresh, downscoping and revoking', async () => {
  const { client_id: clientId, client_secret: clientSecret } = app;
  const auth = new BoxOAuth({ config: new OAuthConfig({ clientId, clientSecret }) });
  // The SDK has Box's own login host built in; everything behind it is as the SDK makes it.
  const url = new URL(auth.getAuthorizeUrl({ redirectUri: REDIRECT, state: 'x' }));
  const page = await openPage(`${server.url}${url.pathname}${url.search}`);
  const back = leadsTo(await sendForm(page, { login: LOGIN, password: PASSWORD }));

  const first = await auth.getTokensAuthorizationCodeGrant(back.searchParams.get('code') ?? '', network());
  assert.equal((await clientOf(auth).users.getUserMe()).login, LOGIN);
  const second = await auth.refreshToken(network());
  assert.notEqual(second.refreshToken, first.refreshToken);
  assert.equal((await clientOf(auth).users.getUserMe()).login, LOGIN);

  const narrow = await auth.downscopeToken(['base_explorer'], undefined, undefined, network());
  assert.equal((await clientWith(narrow.accessToken).folders.getFolderById('0')).id, '0');
  await auth.revokeToken(network());
  assert.equal(await statusWith(second.accessToken), 401);
  await assert.rejects(auth.refreshToken(network()), isRefused(400));
});
