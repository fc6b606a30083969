import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { authenticate } from '../../packages/server/src/auth/authenticate.ts';
import { exchangeCode } from '../../packages/server/src/auth/grants/authorization-code.ts';
import { exchangeClientCredentials } from '../../packages/server/src/auth/grants/client-credentials.ts';
import { exchangeAssertion } from '../../packages/server/src/auth/grants/jwt-assertion.ts';
import { exchangeRefreshToken } from '../../packages/server/src/auth/grants/refresh-token.ts';
import { exchangeToken } from '../../packages/server/src/auth/grants/token-exchange.ts';
import { logIn } from '../../packages/server/src/auth/login/log-in.ts';
import { createToken } from '../../packages/server/src/auth/tokens/create.ts';
import { deleteExpiredTokens } from '../../packages/server/src/auth/tokens/delete-expired.ts';
import { changePassword } from '../../packages/server/src/auth/users/change-password.ts';
import { CLOCK_GRACE } from '../../packages/server/src/time/clock.ts';
import { errorWithCode } from '../files/files-fixture.ts';
import { type AuthFixture, createCode, grantError, openAuthFixture, signAssertion } from './auth-fixture.ts';

const DAY = 24 * 3_600_000;
const HOUR = 3_600_000;

let fixture: AuthFixture;
beforeEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const logInUser = async () =>
  exchangeCode(fixture.access, fixture.client, { code: await createCode(fixture), redirectUri: undefined });
const downscope = (subjectToken: string) =>
  exchangeToken(fixture.access, { client: undefined, subjectToken, scope: 'item_preview', resource: undefined });
const createAppToken = () => exchangeClientCredentials(fixture.access, fixture.client, { type: 'enterprise', id: '1' });

test('a clock that is months ahead for some seconds ends no token and no login', async () => {
  const [login, other] = [await logInUser(), await logInUser()];
  const created = await createToken(fixture.access.db, {
    login: fixture.user.login,
    expiresAt: fixture.clock.now() + 30 * DAY,
    scope: undefined,
    resource: undefined,
  });
  fixture.clock.jump(100 * DAY);
  assert.equal(await deleteExpiredTokens(fixture.access), 0);
  await authenticate(fixture.access, created.token);
  await authenticate(fixture.access, login.accessToken);
  const second = await exchangeRefreshToken(fixture.access, fixture.client, other.refreshToken ?? '');
  await downscope(created.token);
  fixture.clock.advance(2_500);
  fixture.clock.jump(-100 * DAY);
  await authenticate(fixture.access, second.accessToken);
  await authenticate(fixture.access, created.token);
  const next = await exchangeRefreshToken(fixture.access, fixture.client, login.refreshToken ?? '');
  await authenticate(fixture.access, next.accessToken);
});

test('logins and tokens from while the clock was months behind still work after it is corrected', async () => {
  fixture.clock.jump(-100 * DAY);
  const login = await logInUser();
  const { accessToken } = await createAppToken();
  const renewed = await exchangeRefreshToken(fixture.access, fixture.client, (await logInUser()).refreshToken ?? '');
  const downscoped = await downscope(login.accessToken);
  assert.equal(downscoped.expiresInSeconds, 3600);
  fixture.clock.advance(2_500);
  fixture.clock.jump(100 * DAY);
  await deleteExpiredTokens(fixture.access);
  for (const token of [login.accessToken, accessToken, renewed.accessToken, downscoped.accessToken]) {
    await authenticate(fixture.access, token);
  }
  for (const { refreshToken } of [login, renewed]) {
    await exchangeRefreshToken(fixture.access, fixture.client, refreshToken ?? '');
  }
});

test('a refresh token that is used after it has expired by the clock does not end its login', async () => {
  const login = await logInUser();
  fixture.clock.advance(61 * DAY);
  await assert.rejects(
    exchangeRefreshToken(fixture.access, fixture.client, login.refreshToken ?? ''),
    grantError('invalid_grant'),
  );
  fixture.clock.advance(-61 * DAY);
  await exchangeRefreshToken(fixture.access, fixture.client, login.refreshToken ?? '');
});

test('a clock that is set back a day delays no login by more than half a minute', async () => {
  await changePassword(fixture.access.db, { login: fixture.user.login, password: 'correct horse battery' });
  const attempt = (password: string) =>
    logIn(fixture.access, { login: fixture.user.login, password, address: '192.0.2.1' });
  for (let tries = 0; tries < 5; tries += 1) await attempt('wrong password');
  fixture.clock.jump(-DAY);
  const outcome = await attempt('wrong password');
  assert.ok(outcome.kind === 'later' && outcome.delay <= 30_000, JSON.stringify(outcome));
  fixture.clock.advance(outcome.delay);
  assert.equal((await attempt('correct horse battery')).kind, 'user');
});

test('an access token from while the clock was a day ahead lasts an hour after the clock is corrected', async () => {
  fixture.clock.jump(DAY);
  const { accessToken } = await createAppToken();
  fixture.clock.jump(-DAY);
  await deleteExpiredTokens(fixture.access);
  fixture.clock.advance(CLOCK_GRACE);
  await deleteExpiredTokens(fixture.access);
  await authenticate(fixture.access, accessToken);
  fixture.clock.advance(HOUR);
  await assert.rejects(authenticate(fixture.access, accessToken), errorWithCode('invalid-token'));
});

test('a token that was created for a year keeps its lifetime', async () => {
  const { token } = await createToken(fixture.access.db, {
    login: fixture.user.login,
    expiresAt: fixture.clock.now() + 365 * DAY,
    scope: undefined,
    resource: undefined,
  });
  fixture.clock.advance(CLOCK_GRACE);
  await deleteExpiredTokens(fixture.access);
  fixture.clock.advance(300 * DAY);
  await authenticate(fixture.access, token);
});

test('an assertion works once, even if the clock is set back after used assertions were deleted', async () => {
  const assertion = await signAssertion(fixture);
  const grant = () => exchangeAssertion(fixture.access, fixture.client, { assertion, audiences: [] });
  await grant();
  fixture.clock.advance(HOUR);
  await deleteExpiredTokens(fixture.access);
  fixture.clock.jump(-HOUR);
  await assert.rejects(grant(), /jti/);
});

test('a code from before the clock was set back does not work', async () => {
  const code = await createCode(fixture);
  fixture.clock.jump(-DAY);
  await assert.rejects(
    exchangeCode(fixture.access, fixture.client, { code, redirectUri: undefined }),
    grantError('invalid_grant'),
  );
});

test('a revoked token is not cached any longer because the clock is set back', async () => {
  const { accessToken } = await createAppToken();
  await authenticate(fixture.access, accessToken);
  await fixture.access.db.deleteFrom('access_tokens').execute();
  fixture.clock.jump(-DAY);
  fixture.clock.advance(5_000);
  await assert.rejects(authenticate(fixture.access, accessToken), errorWithCode('invalid-token'));
});
