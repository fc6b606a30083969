import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { addApp } from '../../packages/server/src/auth/accounts.ts';
import { authenticate, impersonate } from '../../packages/server/src/auth/authenticate.ts';
import { exchangeCode } from '../../packages/server/src/auth/grants/authorization-code.ts';
import { exchangeClientCredentials } from '../../packages/server/src/auth/grants/client-credentials.ts';
import { exchangeAssertion } from '../../packages/server/src/auth/grants/jwt-assertion.ts';
import { exchangeRefreshToken } from '../../packages/server/src/auth/grants/refresh-token.ts';
import { exchangeToken } from '../../packages/server/src/auth/grants/token-exchange.ts';
import { logIn } from '../../packages/server/src/auth/login/log-in.ts';
import { createToken } from '../../packages/server/src/auth/tokens/create.ts';
import { changePassword } from '../../packages/server/src/auth/users/change-password.ts';
import { getUserByLogin } from '../../packages/server/src/auth/users/store.ts';
import { setStatus, updateUser } from '../../packages/server/src/auth/users/update.ts';
import type { UserStatus } from '../../packages/server/src/database/schema.ts';
import { errorWithCode } from '../files/files-fixture.ts';
import { type AuthFixture, grantError, newCode, openAuthFixture, signAssertion } from './auth-fixture.ts';

const PASSWORD = 'correct horse battery';

let fixture: AuthFixture;
beforeEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const become = (status: UserStatus) => updateUser(fixture.access, fixture.user.id, { status }, 'admin');
const asUser = () => ({ type: 'user', id: String(fixture.user.id) });
const byCredentials = () => exchangeClientCredentials(fixture.access, fixture.client, asUser());
const byAssertion = async () =>
  exchangeAssertion(fixture.access, fixture.client, { assertion: await signAssertion(fixture), audiences: [] });
const byCode = (code: string) => exchangeCode(fixture.access, fixture.client, { code, redirectUri: undefined });
const narrow = (subjectToken: string) =>
  exchangeToken(fixture.access, { client: undefined, subjectToken, scope: 'base_explorer', resource: undefined });

test('an inactive user gets no token, in no way', async () => {
  await become('inactive');
  const refused = grantError('invalid_grant');

  await assert.rejects(byCredentials(), refused);
  await assert.rejects(byAssertion(), refused);
  await assert.rejects(newCode(fixture).then(byCode), refused);
  const token = {
    login: fixture.user.login,
    expiresAt: fixture.clock.now() + 1000,
    scope: undefined,
    resource: undefined,
  };
  await assert.rejects(createToken(fixture.access.db, token), /user status user@partway\.test active/);
});

test('what a user had ends at once when they become inactive, and does not come back with them', async () => {
  const { accessToken, refreshToken = '' } = await byCode(await newCode(fixture));
  const narrowed = await narrow(accessToken);
  const code = await newCode(fixture);
  await authenticate(fixture.access, accessToken);

  await become('inactive');

  for (const token of [accessToken, narrowed.accessToken]) {
    await assert.rejects(authenticate(fixture.access, token), errorWithCode('invalid-token'));
  }
  await become('active');
  await assert.rejects(authenticate(fixture.access, accessToken), errorWithCode('invalid-token'));
  await assert.rejects(byCode(code), grantError('invalid_grant'));
  await assert.rejects(exchangeRefreshToken(fixture.access, fixture.client, refreshToken), grantError('invalid_grant'));
  await authenticate(fixture.access, (await byCredentials()).accessToken);
});

test('a token that was written in the moment in which its user became inactive is worth nothing', async () => {
  const { accessToken } = await byCredentials();
  // As if the statement that ends tokens had run before the one that wrote this.
  await fixture.access.db.updateTable('users').set({ status: 'inactive' }).where('id', '=', fixture.user.id).execute();

  await assert.rejects(authenticate(fixture.access, accessToken), errorWithCode('invalid-token'));
  await assert.rejects(narrow(accessToken), grantError('invalid_grant'));
});

test('only who knows the password learns at the login page that the user is inactive', async () => {
  await changePassword(fixture.access.db, { login: fixture.user.login, password: PASSWORD });
  await become('inactive');
  const attempt = (password: string) =>
    logIn(fixture.access, { login: fixture.user.login, password, address: '192.0.2.1' });

  assert.deepEqual(await attempt('wrong'), { kind: 'wrong' });
  assert.deepEqual(await attempt(PASSWORD), { kind: 'inactive' });
});

test('nobody acts as an inactive user, and who acts as another may no more than they', async () => {
  const { clientSecret, app } = await addApp(fixture.access.db, {
    name: 'Acting',
    now: fixture.clock.now(),
    asUser: true,
  });
  const client = { clientId: app.client_id, clientSecret };
  const granted = await exchangeClientCredentials(fixture.access, client, { type: 'enterprise', id: '1' });
  const authority = await authenticate(fixture.access, granted.accessToken);

  await become('cannot_delete_edit');
  const acting = await impersonate(fixture.access, authority, String(fixture.user.id));
  assert.equal(acting.principal.status, 'cannot_delete_edit');

  await become('inactive');
  await assert.rejects(impersonate(fixture.access, authority, String(fixture.user.id)), errorWithCode('forbidden'));
});

test('another status counts at once, also for tokens that were just used', async () => {
  const { accessToken } = await byCredentials();
  await authenticate(fixture.access, accessToken);

  await become('cannot_delete_edit_upload');

  const { principal } = await authenticate(fixture.access, accessToken);
  assert.equal(principal.status, 'cannot_delete_edit_upload');
});

test('the developer and the users of apps stay active', async () => {
  const { db, developer } = fixture.access;
  for (const userId of [developer.authority.principal.userId, fixture.app.service_user_id]) {
    const refused = errorWithCode('permission-denied');
    await assert.rejects(updateUser(fixture.access, userId, { status: 'inactive' }, 'admin'), refused);
    await updateUser(fixture.access, userId, { status: 'active' }, 'admin');
  }
  const { login } = developer.authority.principal;
  await assert.rejects(
    db.transaction().execute(async (tx) => setStatus(tx, await getUserByLogin(tx, login), 'inactive')),
    errorWithCode('permission-denied'),
  );
});
