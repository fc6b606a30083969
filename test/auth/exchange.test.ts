import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ItemId, UserId } from '../../packages/protocol/src/ids.ts';
import { addApp } from '../../packages/server/src/auth/accounts.ts';
import { authenticate } from '../../packages/server/src/auth/authenticate.ts';
import { exchangeClientCredentials } from '../../packages/server/src/auth/grants/client-credentials.ts';
import { type ExchangeRequest, exchangeToken } from '../../packages/server/src/auth/grants/token-exchange.ts';
import { revokeToken } from '../../packages/server/src/auth/tokens/revoke.ts';
import { insertUser } from '../../packages/server/src/auth/users/store.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import { errorWithCode } from '../files/files-fixture.ts';
import { type AuthFixture, DEVELOPER_TOKEN, grantError, openAuthFixture } from './auth-fixture.ts';

let fixture: AuthFixture;
/** Folders of the user: `outer` is in the root, and `inner` is in that. */
let outer: ItemId;
let inner: ItemId;
before(async () => {
  fixture = await openAuthFixture();
  outer = await createFolder(fixture.user.id, fixture.user.root_id, 'outer');
  inner = await createFolder(fixture.user.id, outer, 'inner');
});
after(() => fixture[Symbol.asyncDispose]());

async function createFolder(owner: UserId, parent: ItemId, name: string): Promise<ItemId> {
  const id = newId<ItemId>();
  const now = fixture.clock.now();
  const row = { id, kind: 'folder' as const, owner_id: owner, parent_id: parent, name, name_key: name, etag: 0 };
  const dates = { created_at: now, modified_at: now, content_created_at: now, content_modified_at: now };
  const rest = { description: '', version_id: null, created_by: owner, modified_by: owner };
  const trash = { trashed_at: null, trashed_with: null };
  await fixture.access.db
    .insertInto('items')
    .values({ ...row, ...dates, ...rest, ...trash })
    .execute();
  return id;
}

const getUserToken = async () =>
  (await exchangeClientCredentials(fixture.access, fixture.client, { type: 'user', id: String(fixture.user.id) }))
    .accessToken;
const exchange = (subjectToken: string, change: Partial<ExchangeRequest> = {}) =>
  exchangeToken(fixture.access, {
    client: undefined,
    subjectToken,
    scope: 'base_upload',
    resource: undefined,
    ...change,
  });
const folderUrl = (id: ItemId | string) => `https://api.box.com/2.0/folders/${id}`;

test('a token can be downscoped to scopes and to one folder', async () => {
  const { accessToken, expiresInSeconds } = await exchange(await getUserToken(), {
    scope: 'base_upload item_download',
    resource: folderUrl(outer),
  });
  const authority = await authenticate(fixture.access, accessToken);
  assert.deepEqual(authority.scopes, ['base_upload', 'item_download']);
  assert.deepEqual([authority.restrictedTo, authority.principal.userId], [outer, fixture.user.id]);
  assert.equal(expiresInSeconds, 3600);
});

test('folder 0 is the root folder of the user, and any host and prefix are accepted', async () => {
  const getRestriction = async (resource: string) =>
    (await authenticate(fixture.access, (await exchange(await getUserToken(), { resource })).accessToken)).restrictedTo;
  assert.equal(await getRestriction(folderUrl('0')), fixture.user.root_id);
  assert.equal(await getRestriction(`http://127.0.0.1:4400/api/2.0/folders/${inner}`), inner);
});

test('a downscoped token can be downscoped further, but never extended', async () => {
  const { accessToken } = await exchange(await getUserToken(), {
    scope: 'base_explorer item_download',
    resource: folderUrl(outer),
  });
  const narrower = await exchange(accessToken, { scope: 'base_explorer', resource: folderUrl(inner) });
  assert.equal((await authenticate(fixture.access, narrower.accessToken)).restrictedTo, inner);
  const sameFolder = await exchange(accessToken, { scope: 'base_explorer' });
  assert.equal((await authenticate(fixture.access, sameFolder.accessToken)).restrictedTo, outer);

  for (const scope of ['root_readwrite', 'base_upload', 'item_delete', 'base_explorer item_rename']) {
    await assert.rejects(exchange(accessToken, { scope }), grantError('invalid_scope'), scope);
  }
  for (const resource of [folderUrl('0'), folderUrl(fixture.user.root_id)]) {
    await assert.rejects(exchange(accessToken, { scope: 'base_explorer', resource }), grantError('invalid_resource'));
  }
  await assert.rejects(
    exchange(narrower.accessToken, { scope: 'base_explorer', resource: folderUrl(outer) }),
    grantError('invalid_resource'),
  );
});

test('a downscoped token expires no later than the token that it was exchanged for', async () => {
  const subject = await getUserToken();
  fixture.clock.advance(3_000_000);
  const child = await exchange(subject);
  assert.equal(child.expiresInSeconds, 600);
  fixture.clock.advance(600_000);
  await assert.rejects(authenticate(fixture.access, child.accessToken), /expired_token/);
  await assert.rejects(exchange(subject), grantError('invalid_grant'));
});

test('revoking a token also revokes tokens that were exchanged for it, and revoking one of those revokes no other', async () => {
  const subject = await getUserToken();
  const [first, second] = [await exchange(subject), await exchange(subject)];
  for (const token of [first, second]) await authenticate(fixture.access, token.accessToken);
  await revokeToken(fixture.access, fixture.client, first.accessToken);
  await assert.rejects(authenticate(fixture.access, first.accessToken), errorWithCode('invalid-token'));
  await authenticate(fixture.access, second.accessToken);
  await revokeToken(fixture.access, fixture.client, subject);
  await assert.rejects(authenticate(fixture.access, second.accessToken), errorWithCode('invalid-token'));
  await assert.rejects(exchange(subject), grantError('invalid_grant'));
});

test('a revoked token cannot be exchanged, even while it is cached', async () => {
  const subject = await getUserToken();
  await authenticate(fixture.access, subject);
  await fixture.access.db.deleteFrom('access_tokens').execute();
  await assert.rejects(exchange(subject), grantError('invalid_grant'));
});

test('unknown scopes, and resources that are not items of the user, are rejected', async () => {
  const subject = await getUserToken();
  for (const scope of ['everything', 'base_upload everything', ' ', 'constructor', '__proto__']) {
    await assert.rejects(exchange(subject, { scope }), grantError('invalid_scope'), scope);
  }
  const otherUser = await insertUser(fixture.access.db, { login: 'stranger@partway.test', name: 'S', now: 0 });
  assert.ok(otherUser);
  const otherFolder = await createFolder(otherUser.id, otherUser.root_id, 'theirs');
  const addresses = [folderUrl(otherFolder), folderUrl(otherUser.root_id), folderUrl('42'), folderUrl(`${outer}x`)];
  const kinds = [`https://api.box.com/2.0/files/${outer}`, 'https://api.box.com/2.0/users/1', 'x', folderUrl('')];
  for (const resource of [...addresses, ...kinds]) {
    await assert.rejects(exchange(subject, { resource }), grantError('invalid_resource'), resource);
  }
});

test('an app that names itself has to authenticate, and can only exchange its own tokens', async () => {
  const subject = await getUserToken();
  await exchange(subject, { client: fixture.client });
  const { app, clientSecret } = await addApp(fixture.access.db, { name: 'Other', now: fixture.clock.now() });
  const other = { clientId: app.client_id, clientSecret };
  await assert.rejects(exchange(subject, { client: other }), grantError('invalid_grant'));
  const forged = { ...fixture.client, clientSecret: 'x' };
  await assert.rejects(exchange(subject, { client: forged }), grantError('invalid_client'));
});

test('the developer token can be downscoped, and a downscoped token never acts as another user', async () => {
  const { accessToken } = await exchange(DEVELOPER_TOKEN);
  const authority = await authenticate(fixture.access, accessToken);
  assert.deepEqual([authority.clientId, authority.canImpersonate], [undefined, false]);
  assert.equal(authority.principal.login, 'developer@partway.local');
});

test('any app that authenticates can downscope a token that belongs to no app, and revoke the result', async () => {
  const { access, client } = fixture;
  for (const client of [
    { ...fixture.client, clientSecret: 'x' },
    { clientId: 'x', clientSecret: 'x' },
  ]) {
    await assert.rejects(exchange(DEVELOPER_TOKEN, { client }), grantError('invalid_client'));
  }

  const { accessToken } = await exchange(DEVELOPER_TOKEN, { client });

  const { principal, clientId, canImpersonate: canActAsUser } = await authenticate(access, accessToken);
  assert.deepEqual([principal.login, clientId, canActAsUser], ['developer@partway.local', client.clientId, false]);
  await revokeToken(access, client, accessToken);
  await assert.rejects(authenticate(access, accessToken), errorWithCode('invalid-token'));
});
