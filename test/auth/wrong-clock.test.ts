import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { authenticate } from '../../packages/server/src/auth/authenticate.ts';
import { exchangeCode } from '../../packages/server/src/auth/grants/authorization-code.ts';
import { exchangeClientCredentials } from '../../packages/server/src/auth/grants/client-credentials.ts';
import { exchangeAssertion } from '../../packages/server/src/auth/grants/jwt-assertion.ts';
import { exchangeRefreshToken } from '../../packages/server/src/auth/grants/refresh-token.ts';
import { exchangeToken } from '../../packages/server/src/auth/grants/token-exchange.ts';
import { logIn } from '../../packages/server/src/auth/login/log-in.ts';
import { createToken } from '../../packages/server/src/auth/tokens/make.ts';
import { deleteExpiredTokens } from '../../packages/server/src/auth/tokens/sweep.ts';
import { changePassword } from '../../packages/server/src/auth/users/change-password.ts';
import { CLOCK_GRACE } from '../../packages/server/src/time/clock.ts';
import { refusal } from '../files/house.ts';
import { type Gatehouse, grantError, newCode, openGatehouse, signAssertion } from './gatehouse.ts';

const DAY = 24 * 3_600_000;
const HOUR = 3_600_000;

let house: Gatehouse;
beforeEach(async () => {
  await house?.[Symbol.asyncDispose]();
  house = await openGatehouse();
});
after(() => house[Symbol.asyncDispose]());

const tokensOfLogIn = async () =>
  exchangeCode(house.access, house.client, { code: await newCode(house), redirectUri: undefined });
const narrowed = (subjectToken: string) =>
  exchangeToken(house.access, { client: undefined, subjectToken, scope: 'item_preview', resource: undefined });
const ownToken = () => exchangeClientCredentials(house.access, house.client, { type: 'enterprise', id: '1' });

test('a clock that is months ahead for seconds ends no token and no login', async () => {
  const [login, other] = [await tokensOfLogIn(), await tokensOfLogIn()];
  const made = await createToken(house.access.db, {
    login: house.user.login,
    expiresAt: house.clock.now() + 30 * DAY,
    scope: undefined,
    resource: undefined,
  });
  house.clock.jump(100 * DAY);
  assert.equal(await deleteExpiredTokens(house.access), 0);
  await authenticate(house.access, made.token);
  await authenticate(house.access, login.accessToken);
  const second = await exchangeRefreshToken(house.access, house.client, other.refreshToken ?? '');
  await narrowed(made.token);
  house.clock.advance(2_500);
  house.clock.jump(-100 * DAY);
  await authenticate(house.access, second.accessToken);
  await authenticate(house.access, made.token);
  const next = await exchangeRefreshToken(house.access, house.client, login.refreshToken ?? '');
  await authenticate(house.access, next.accessToken);
});

test('a login and tokens from while the clock was months behind are good once it is set right', async () => {
  house.clock.jump(-100 * DAY);
  const login = await tokensOfLogIn();
  const { accessToken } = await ownToken();
  const renewed = await exchangeRefreshToken(house.access, house.client, (await tokensOfLogIn()).refreshToken ?? '');
  const narrow = await narrowed(login.accessToken);
  assert.equal(narrow.expiresInSeconds, 3600);
  house.clock.advance(2_500);
  house.clock.jump(100 * DAY);
  await deleteExpiredTokens(house.access);
  for (const token of [login.accessToken, accessToken, renewed.accessToken, narrow.accessToken]) {
    await authenticate(house.access, token);
  }
  for (const { refreshToken } of [login, renewed]) {
    await exchangeRefreshToken(house.access, house.client, refreshToken ?? '');
  }
});

test('a refresh token brought when it has expired by the clock ends nothing of its login', async () => {
  const login = await tokensOfLogIn();
  house.clock.advance(61 * DAY);
  await assert.rejects(
    exchangeRefreshToken(house.access, house.client, login.refreshToken ?? ''),
    grantError('invalid_grant'),
  );
  house.clock.advance(-61 * DAY);
  await exchangeRefreshToken(house.access, house.client, login.refreshToken ?? '');
});

test('a clock set back a day makes nobody wait longer to log in than half a minute', async () => {
  await changePassword(house.access.db, { login: house.user.login, password: 'correct horse battery' });
  const attempt = (password: string) =>
    logIn(house.access, { login: house.user.login, password, address: '192.0.2.1' });
  for (let tries = 0; tries < 5; tries += 1) await attempt('wrong password');
  house.clock.jump(-DAY);
  const outcome = await attempt('wrong password');
  assert.ok(outcome.kind === 'later' && outcome.wait <= 30_000, JSON.stringify(outcome));
  house.clock.advance(outcome.wait);
  assert.equal((await attempt('correct horse battery')).kind, 'user');
});

test('an access token issued while the clock was a day ahead lives an hour after the clock was set right', async () => {
  house.clock.jump(DAY);
  const { accessToken } = await ownToken();
  house.clock.jump(-DAY);
  await deleteExpiredTokens(house.access);
  house.clock.advance(CLOCK_GRACE);
  await deleteExpiredTokens(house.access);
  await authenticate(house.access, accessToken);
  house.clock.advance(HOUR);
  await assert.rejects(authenticate(house.access, accessToken), refusal('unauthorized'));
});

test('a token made by hand for a year keeps its time', async () => {
  const { token } = await createToken(house.access.db, {
    login: house.user.login,
    expiresAt: house.clock.now() + 365 * DAY,
    scope: undefined,
    resource: undefined,
  });
  house.clock.advance(CLOCK_GRACE);
  await deleteExpiredTokens(house.access);
  house.clock.advance(300 * DAY);
  await authenticate(house.access, token);
});

test('an assertion works once even if the clock is set back after the sweep', async () => {
  const assertion = await signAssertion(house);
  const grant = () => exchangeAssertion(house.access, house.client, { assertion, audiences: [] });
  await grant();
  house.clock.advance(HOUR);
  await deleteExpiredTokens(house.access);
  house.clock.jump(-HOUR);
  await assert.rejects(grant(), /jti/);
});

test('a code from before the clock was set back is of no use', async () => {
  const code = await newCode(house);
  house.clock.jump(-DAY);
  await assert.rejects(
    exchangeCode(house.access, house.client, { code, redirectUri: undefined }),
    grantError('invalid_grant'),
  );
});

test('a revoked token is not remembered for longer if the clock is set back', async () => {
  const { accessToken } = await ownToken();
  await authenticate(house.access, accessToken);
  await house.access.db.deleteFrom('access_tokens').execute();
  house.clock.jump(-DAY);
  house.clock.advance(5_000);
  await assert.rejects(authenticate(house.access, accessToken), refusal('unauthorized'));
});
