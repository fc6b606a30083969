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
import { type AuthFixture, grantError, newCode, openAuthFixture, signAssertion } from './auth-fixture.ts';

const DAY = 24 * 3_600_000;
const HOUR = 3_600_000;

let fixture: AuthFixture;
beforeEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const tokensOfLogIn = async () =>
  exchangeCode(fixture.access, fixture.client, { code: await newCode(fixture), redirectUri: undefined });
const narrowed = (subjectToken: string) =>
  exchangeToken(fixture.access, { client: undefined, subjectToken, scope: 'item_preview', resource: undefined });
const ownToken = () => exchangeClientCredentials(fixture.access, fixture.client, { type: 'enterprise', id: '1' });

test('a clock that is months ahead for seconds ends no token and no login', async () => {
  const [login, other] = [await tokensOfLogIn(), await tokensOfLogIn()];
  const made = await createToken(fixture.access.db, {
    login: fixture.user.login,
    expiresAt: fixture.clock.now() + 30 * DAY,
    scope: undefined,
    resource: undefined,
  });
  fixture.clock.jump(100 * DAY);
  assert.equal(await deleteExpiredTokens(fixture.access), 0);
  await authenticate(fixture.access, made.token);
  await authenticate(fixture.access, login.accessToken);
  const second = await exchangeRefreshToken(fixture.access, fixture.client, other.refreshToken ?? '');
  await narrowed(made.token);
  fixture.clock.advance(2_500);
  fixture.clock.jump(-100 * DAY);
  await authenticate(fixture.access, second.accessToken);
  await authenticate(fixture.access, made.token);
  const next = await exchangeRefreshToken(fixture.access, fixture.client, login.refreshToken ?? '');
  await authenticate(fixture.access, next.accessToken);
});

test('a login and tokens from while the clock was months behind are good once it is set right', async () => {
  fixture.clock.jump(-100 * DAY);
  const login = await tokensOfLogIn();
  const { accessToken } = await ownToken();
  const renewed = await exchangeRefreshToken(
    fixture.access,
    fixture.client,
    (await tokensOfLogIn()).refreshToken ?? '',
  );
  const narrow = await narrowed(login.accessToken);
  assert.equal(narrow.expiresInSeconds, 3600);
  fixture.clock.advance(2_500);
  fixture.clock.jump(100 * DAY);
  await deleteExpiredTokens(fixture.access);
  for (const token of [login.accessToken, accessToken, renewed.accessToken, narrow.accessToken]) {
    await authenticate(fixture.access, token);
  }
  for (const { refreshToken } of [login, renewed]) {
    await exchangeRefreshToken(fixture.access, fixture.client, refreshToken ?? '');
  }
});

test('a refresh token brought when it has expired by the clock ends nothing of its login', async () => {
  const login = await tokensOfLogIn();
  fixture.clock.advance(61 * DAY);
  await assert.rejects(
    exchangeRefreshToken(fixture.access, fixture.client, login.refreshToken ?? ''),
    grantError('invalid_grant'),
  );
  fixture.clock.advance(-61 * DAY);
  await exchangeRefreshToken(fixture.access, fixture.client, login.refreshToken ?? '');
});

test('a clock set back a day makes nobody wait longer to log in than half a minute', async () => {
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

test('an access token issued while the clock was a day ahead lives an hour after the clock was set right', async () => {
  fixture.clock.jump(DAY);
  const { accessToken } = await ownToken();
  fixture.clock.jump(-DAY);
  await deleteExpiredTokens(fixture.access);
  fixture.clock.advance(CLOCK_GRACE);
  await deleteExpiredTokens(fixture.access);
  await authenticate(fixture.access, accessToken);
  fixture.clock.advance(HOUR);
  await assert.rejects(authenticate(fixture.access, accessToken), errorWithCode('invalid-token'));
});

test('a token made by hand for a year keeps its time', async () => {
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

test('an assertion works once even if the clock is set back after the sweep', async () => {
  const assertion = await signAssertion(fixture);
  const grant = () => exchangeAssertion(fixture.access, fixture.client, { assertion, audiences: [] });
  await grant();
  fixture.clock.advance(HOUR);
  await deleteExpiredTokens(fixture.access);
  fixture.clock.jump(-HOUR);
  await assert.rejects(grant(), /jti/);
});

test('a code from before the clock was set back is of no use', async () => {
  const code = await newCode(fixture);
  fixture.clock.jump(-DAY);
  await assert.rejects(
    exchangeCode(fixture.access, fixture.client, { code, redirectUri: undefined }),
    grantError('invalid_grant'),
  );
});

test('a revoked token is not remembered for longer if the clock is set back', async () => {
  const { accessToken } = await ownToken();
  await authenticate(fixture.access, accessToken);
  await fixture.access.db.deleteFrom('access_tokens').execute();
  fixture.clock.jump(-DAY);
  fixture.clock.advance(5_000);
  await assert.rejects(authenticate(fixture.access, accessToken), errorWithCode('invalid-token'));
});
