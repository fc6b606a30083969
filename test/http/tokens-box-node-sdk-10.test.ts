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
import { getRedirect, openPage, sendForm } from '../auth/browser.ts';
import { type AddedApp, addUserWithPassword, partwayJson } from '../auth/operator.ts';
import { Api } from '../support/api.ts';
import { deleteAtExit } from '../support/leftovers.ts';
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
  userId = await addUserWithPassword(server, LOGIN, PASSWORD);
  config = join(deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-sdk-'))), 'config.json');
  app = await partwayJson(server, 'app', 'add', 'SDK', '--as-user', '--redirect-uri', REDIRECT, '--jwt-config', config);
});
after(() => server[Symbol.asyncDispose]());

const network = () => {
  const urls = { baseUrl: server.url, uploadUrl: `${server.url}/api`, oauth2Url: `${server.url}/api/oauth2` };
  return new NetworkSession({}).withCustomBaseUrls(new BaseUrls(urls));
};
const createClient = (auth: BoxClient['auth']) => new BoxClient({ auth, networkSession: network() });
const createTokenClient = (token: string | undefined) =>
  createClient(new BoxDeveloperTokenAuth({ token: token ?? '' }));
/** The SDK reports every 401 as an expired developer token, so this asks the API itself. */
const getStatus = async (token: string | undefined) =>
  (await new Api({ url: server.url, token: token ?? '' }).get('/users/me')).status;
const isRejected = (status: number) => (error: unknown) =>
  error instanceof BoxApiError && error.responseInfo.statusCode === status;

async function upload(client: BoxClient, name: string): Promise<string> {
  const attributes = { name, parent: { id: '0' } };
  const { entries } = await client.uploads.uploadFile({ attributes, file: Readable.from([Buffer.from('x')]) });
  return entries?.[0]?.id ?? '';
}

test('JwtAuth works with the config file, as the app itself and as a user, and downscopes and revokes tokens', async () => {
  const auth = new BoxJwtAuth({ config: JwtConfig.fromConfigFile(config) });
  assert.equal((await createClient(auth).users.getUserMe()).id, app.service_user_id);
  const asUser = auth.withUserSubject(userId);
  assert.equal((await createClient(asUser).users.getUserMe()).login, LOGIN);

  const id = await upload(createClient(asUser), 'signed.txt');
  const narrow = await asUser.downscopeToken(
    ['item_preview', 'item_rename'],
    `https://api.box.com/2.0/files/${id}`,
    undefined,
    network(),
  );
  const client = createTokenClient(narrow.accessToken);
  assert.equal((await client.files.getFileById(id)).id, id);
  await assert.rejects(client.files.deleteFileById(id), isRejected(403));
  await assert.rejects(client.folders.getFolderById('0'), isRejected(404));
  assert.deepEqual(
    narrow.restrictedTo?.map(({ scope }) => scope),
    ['item_preview', 'item_rename'],
  );

  const token = await asUser.retrieveToken(network());
  await asUser.revokeToken(network());
  assert.equal(await getStatus(token.accessToken), 401);
  assert.equal(await getStatus(narrow.accessToken), 401);
});

test('CcgAuth works as the app itself, as a user and with As-User, and downscopes and revokes tokens', async () => {
  const { client_id: clientId, client_secret: clientSecret, enterprise_id: enterpriseId } = app;
  const auth = new BoxCcgAuth({ config: new CcgConfig({ clientId, clientSecret, enterpriseId }) });
  const client = createClient(auth);
  assert.equal((await client.users.getUserMe()).id, app.service_user_id);
  assert.equal((await client.withAsUserHeader(userId).users.getUserMe()).id, userId);
  assert.equal((await createClient(auth.withUserSubject(userId)).users.getUserMe()).id, userId);

  const { accessToken } = await auth.downscopeToken(['base_upload'], undefined, undefined, network());
  const id = await upload(createTokenClient(accessToken), 'dropped.txt');
  await assert.rejects(createTokenClient(accessToken).files.getFileById(id), isRejected(403));

  const token = await auth.retrieveToken(network());
  await auth.revokeToken(network());
  assert.equal(await getStatus(token.accessToken), 401);
});

test('OAuth logs in, refreshes, downscopes and revokes tokens', async () => {
  const { client_id: clientId, client_secret: clientSecret } = app;
  const auth = new BoxOAuth({ config: new OAuthConfig({ clientId, clientSecret }) });
  // The SDK uses Box's own login host, so this test replaces it. The rest of the URL is what the SDK creates.
  const url = new URL(auth.getAuthorizeUrl({ redirectUri: REDIRECT, state: 'x' }));
  const page = await openPage(`${server.url}${url.pathname}${url.search}`);
  const back = getRedirect(await sendForm(page, { login: LOGIN, password: PASSWORD }));

  const first = await auth.getTokensAuthorizationCodeGrant(back.searchParams.get('code') ?? '', network());
  assert.equal((await createClient(auth).users.getUserMe()).login, LOGIN);
  const second = await auth.refreshToken(network());
  assert.notEqual(second.refreshToken, first.refreshToken);
  assert.equal((await createClient(auth).users.getUserMe()).login, LOGIN);

  const narrow = await auth.downscopeToken(['base_explorer'], undefined, undefined, network());
  assert.equal((await createTokenClient(narrow.accessToken).folders.getFolderById('0')).id, '0');
  await auth.revokeToken(network());
  assert.equal(await getStatus(second.accessToken), 401);
  await assert.rejects(auth.refreshToken(network()), isRejected(400));
});
