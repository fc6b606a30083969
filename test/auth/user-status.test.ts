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
import { type AuthFixture, createCode, grantError, openAuthFixture, signAssertion } from './auth-fixture.ts';

const PASSWORD = 'correct horse battery';

let fixture: AuthFixture;
beforeEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const setUserStatus = (status: UserStatus) => updateUser(fixture.access, fixture.user.id, { status }, 'admin');
const asUser = () => ({ type: 'user', id: String(fixture.user.id) });
const grantByCredentials = () => exchangeClientCredentials(fixture.access, fixture.client, asUser());
const grantByAssertion = async () =>
  exchangeAssertion(fixture.access, fixture.client, { assertion: await signAssertion(fixture), audiences: [] });
const grantByCode = (code: string) => exchangeCode(fixture.access, fixture.client, { code, redirectUri: undefined });
const downscope = (subjectToken: string) =>
  exchangeToken(fixture.access, { client: undefined, subjectToken, scope: 'base_explorer', resource: undefined });

test('an inactive user gets no token with any grant', async () => {
  await setUserStatus('inactive');
  const isInvalidGrant = grantError('invalid_grant');

  await assert.rejects(grantByCredentials(), isInvalidGrant);
  await assert.rejects(grantByAssertion(), isInvalidGrant);
  await assert.rejects(createCode(fixture).then(grantByCode), isInvalidGrant);
  const token = {
    login: fixture.user.login,
    expiresAt: fixture.clock.now() + 1000,
    scope: undefined,
    resource: undefined,
  };
  await assert.rejects(createToken(fixture.access.db, token), /user status user@partway\.test active/);
});

test("a user's tokens end immediately when the user becomes inactive, and do not work again afterward", async () => {
  const { accessToken, refreshToken = '' } = await grantByCode(await createCode(fixture));
  const downscoped = await downscope(accessToken);
  const code = await createCode(fixture);
  await authenticate(fixture.access, accessToken);

  await setUserStatus('inactive');

  for (const token of [accessToken, downscoped.accessToken]) {
    await assert.rejects(authenticate(fixture.access, token), errorWithCode('invalid-token'));
  }
  await setUserStatus('active');
  await assert.rejects(authenticate(fixture.access, accessToken), errorWithCode('invalid-token'));
  await assert.rejects(grantByCode(code), grantError('invalid_grant'));
  await assert.rejects(exchangeRefreshToken(fixture.access, fixture.client, refreshToken), grantError('invalid_grant'));
  await authenticate(fixture.access, (await grantByCredentials()).accessToken);
});

test('a token that is written at the moment when its user becomes inactive does not work', async () => {
  const { accessToken } = await grantByCredentials();
  // As if the statement that ends tokens had run before the one that wrote this token.
  await fixture.access.db.updateTable('users').set({ status: 'inactive' }).where('id', '=', fixture.user.id).execute();

  await assert.rejects(authenticate(fixture.access, accessToken), errorWithCode('invalid-token'));
  await assert.rejects(downscope(accessToken), grantError('invalid_grant'));
});

test('the login page says that a user is inactive only after the correct password', async () => {
  await changePassword(fixture.access.db, { login: fixture.user.login, password: PASSWORD });
  await setUserStatus('inactive');
  const attempt = (password: string) =>
    logIn(fixture.access, { login: fixture.user.login, password, address: '192.0.2.1' });

  assert.deepEqual(await attempt('wrong'), { kind: 'wrong' });
  assert.deepEqual(await attempt(PASSWORD), { kind: 'inactive' });
});

test('no app can act as an inactive user, and acting as a user gives no more permissions than the user has', async () => {
  const { clientSecret, app } = await addApp(fixture.access.db, {
    name: 'Acting',
    now: fixture.clock.now(),
    asUser: true,
  });
  const client = { clientId: app.client_id, clientSecret };
  const granted = await exchangeClientCredentials(fixture.access, client, { type: 'enterprise', id: '1' });
  const authority = await authenticate(fixture.access, granted.accessToken);

  await setUserStatus('cannot_delete_edit');
  const acting = await impersonate(fixture.access, authority, String(fixture.user.id));
  assert.equal(acting.principal.status, 'cannot_delete_edit');

  await setUserStatus('inactive');
  await assert.rejects(impersonate(fixture.access, authority, String(fixture.user.id)), errorWithCode('forbidden'));
});

test('a new status applies immediately, even to tokens that were just used', async () => {
  const { accessToken } = await grantByCredentials();
  await authenticate(fixture.access, accessToken);

  await setUserStatus('cannot_delete_edit_upload');

  const { principal } = await authenticate(fixture.access, accessToken);
  assert.equal(principal.status, 'cannot_delete_edit_upload');
});

test('the developer and the users of apps stay active', async () => {
  const { db, developer } = fixture.access;
  for (const userId of [developer.authority.principal.userId, fixture.app.service_user_id]) {
    const isPermissionDenied = errorWithCode('permission-denied');
    await assert.rejects(updateUser(fixture.access, userId, { status: 'inactive' }, 'admin'), isPermissionDenied);
    await updateUser(fixture.access, userId, { status: 'active' }, 'admin');
  }
  const { login } = developer.authority.principal;
  await assert.rejects(
    db.transaction().execute(async (tx) => setStatus(tx, await getUserByLogin(tx, login), 'inactive')),
    errorWithCode('permission-denied'),
  );
});
