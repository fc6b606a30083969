import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLegacySdk, type LegacySdk } from '../auth/legacy-sdk.ts';
import { type AddedApp, addUserWithPassword, partwayJson } from '../auth/operator.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let app: AddedApp;
let sdk: LegacySdk;
let userId: string;
before(async () => {
  server = await startServer({ tls: true });
  userId = await addUserWithPassword(server, 'ada@partway.test', 'correct horse battery');
  const config = join(deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-sdk-'))), 'config.json');
  const redirect = ['--redirect-uri', 'https://localhost:9/'];
  app = await partwayJson(server, 'app', 'add', 'SDK', '--as-user', ...redirect, '--jwt-config', config);
  sdk = createLegacySdk(server, app, config);
});
after(() => server[Symbol.asyncDispose]());

const isRejected = (status: number) => (error: unknown) => (error as { statusCode?: number }).statusCode === status;

test('JWT works as the app itself, as a user and with As-User', async () => {
  const own = sdk.getAppAuthClient('enterprise');
  assert.equal((await own.users.get('me')).id, app.service_user_id);
  assert.equal((await sdk.getAppAuthClient('user', userId).users.get('me')).id, userId);
  own.asUser(userId);
  assert.equal((await own.users.get('me')).id, userId);
  own.asSelf();
  assert.equal((await own.users.get('me')).id, app.service_user_id);
});

test('client credentials work, and their tokens can be downscoped and revoked', async () => {
  assert.equal((await sdk.getAnonymousClient().users.get('me')).id, app.service_user_id);
  const client = sdk.getCCGClientForUser(userId);
  const { accessToken } = await client.exchangeToken(['base_upload'], `${server.url}/2.0/folders/0`);
  const narrow = sdk.getBasicClient(accessToken);
  const { entries } = await narrow.files.uploadFile('0', 'dropped.txt', Buffer.from('x'));
  assert.equal(entries.length, 1);
  await assert.rejects(narrow.folders.get('0'), isRejected(403));
  await narrow.revokeTokens();
  await assert.rejects(narrow.files.uploadFile('0', 'late.txt', Buffer.from('x')), isRejected(401));
  assert.equal((await client.users.get('me')).id, userId);
});

test("the SDK's login address is one of the server's", () => {
  const url = new URL(sdk.getAuthorizeURL({ response_type: 'code', redirect_uri: 'https://localhost:9/', state: 'x' }));
  assert.equal(`${url.origin}${url.pathname}`, `${server.url}/api/oauth2/authorize`);
  assert.equal(url.searchParams.get('client_id'), app.client_id);
});

test('the SDK recognizes the error for an invalid code or refresh token', async () => {
  for (const grant of [() => sdk.getTokensAuthorizationCodeGrant('x'), () => sdk.getTokensRefreshGrant('x')]) {
    await assert.rejects(grant, (error) => (error as { authExpired?: boolean }).authExpired === true);
  }
});
