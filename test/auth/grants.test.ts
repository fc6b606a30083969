import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { addApp } from '../../packages/server/src/auth/accounts.ts';
import { authenticate } from '../../packages/server/src/auth/authenticate.ts';
import { exchangeCode } from '../../packages/server/src/auth/grants/authorization-code.ts';
import { findAuthorizingApp } from '../../packages/server/src/auth/grants/authorize.ts';
import { exchangeClientCredentials } from '../../packages/server/src/auth/grants/client-credentials.ts';
import { exchangeRefreshToken } from '../../packages/server/src/auth/grants/refresh-token.ts';
import { deleteExpiredTokens } from '../../packages/server/src/auth/tokens/delete-expired.ts';
import type { GrantedToken } from '../../packages/server/src/auth/tokens/issue.ts';
import { revokeToken } from '../../packages/server/src/auth/tokens/revoke.ts';
import { errorWithCode } from '../files/files-fixture.ts';
import { type AuthFixture, createCode, grantError, openAuthFixture, REDIRECT } from './auth-fixture.ts';

let fixture: AuthFixture;
beforeEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const exchange = (code: string, redirectUri?: string, client = fixture.client) =>
  exchangeCode(fixture.access, client, { code, redirectUri });
const refresh = (token: string | undefined, client = fixture.client) =>
  exchangeRefreshToken(fixture.access, client, token ?? '');
const assertWorks = ({ accessToken }: GrantedToken) => authenticate(fixture.access, accessToken);
const assertEnded = (granted: GrantedToken) => assert.rejects(assertWorks(granted), errorWithCode('invalid-token'));

async function createOtherClient() {
  const { app, clientSecret } = await addApp(fixture.access.db, { name: 'Other', now: fixture.clock.now() });
  return { clientId: app.client_id, clientSecret };
}

test('a code gets tokens of the user who granted it, with or without the redirect address', async () => {
  for (const redirectUri of [undefined, REDIRECT]) {
    const { principal } = await assertWorks(await exchange(await createCode(fixture), redirectUri));
    assert.equal(principal.userId, fixture.user.id);
  }
});

test('a code works only for its app, its address and one minute', async () => {
  const wrong = grantError('invalid_grant');
  await assert.rejects(exchange(await createCode(fixture), 'https://app.partway.test/callback2'), wrong);
  await assert.rejects(exchange(await createCode(fixture), undefined, await createOtherClient()), wrong);
  await assert.rejects(exchange('x'), wrong);
  const code = await createCode(fixture);
  await assert.rejects(
    exchange(code, undefined, { ...fixture.client, clientSecret: 'x' }),
    grantError('invalid_client'),
  );
  fixture.clock.advance(60_000);
  await assert.rejects(exchange(code), wrong);
});

test('using a code a second time revokes the tokens that it issued', async () => {
  const code = await createCode(fixture);
  const first = await exchange(code);
  await assertWorks(first);
  await assert.rejects(exchange(code), grantError('invalid_grant'));
  await assertEnded(first);
  await assert.rejects(refresh(first.refreshToken), grantError('invalid_grant'));
});

test('if a code or a refresh token is used twice at once, at most one use succeeds', async () => {
  const code = await createCode(fixture);
  const codes = await Promise.allSettled([exchange(code), exchange(code)]);
  assert.equal(codes.filter(({ status }) => status === 'fulfilled').length, 1);
  const { refreshToken } = await exchange(await createCode(fixture));
  const refreshes = await Promise.allSettled([refresh(refreshToken), refresh(refreshToken)]);
  const served = refreshes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  assert.equal(served.length, 1);
  for (const one of served) await assertEnded(one);
});

test('a refresh token gets the next pair of tokens, and each works once', async () => {
  const first = await exchange(await createCode(fixture));
  const second = await refresh(first.refreshToken);
  const third = await refresh(second.refreshToken);
  await assertWorks(third);
  assert.equal(new Set([first, second, third].map((pair) => pair.refreshToken)).size, 3);
});

test('using a refresh token again revokes all tokens of the same login', async () => {
  const first = await exchange(await createCode(fixture));
  const second = await refresh(first.refreshToken);
  const another = await exchange(await createCode(fixture));
  await assertWorks(second);
  await assert.rejects(refresh(first.refreshToken), grantError('invalid_grant'));
  await assertEnded(second);
  await assert.rejects(refresh(second.refreshToken), grantError('invalid_grant'));
  await assertWorks(another);
});

test('a refresh token does not work for another app, after sixty days, or as an access token', async () => {
  const { refreshToken, accessToken } = await exchange(await createCode(fixture));
  await assert.rejects(refresh(refreshToken, await createOtherClient()), grantError('invalid_grant'));
  await assert.rejects(refresh(accessToken), grantError('invalid_grant'));
  await assert.rejects(authenticate(fixture.access, refreshToken ?? ''), errorWithCode('invalid-token'));
  fixture.clock.advance(60 * 24 * 3_600_000);
  await assert.rejects(refresh(refreshToken), grantError('invalid_grant'));
});

test('an access token expires after an hour, and the error says so', async () => {
  const granted = await exchangeClientCredentials(fixture.access, fixture.client, { type: 'enterprise', id: '1' });
  fixture.clock.advance(3_599_999);
  await assertWorks(granted);
  fixture.clock.advance(1);
  await assert.rejects(assertWorks(granted), /expired_token/);
});

test('revoking an access or a refresh token ends both', async () => {
  for (const which of ['accessToken', 'refreshToken'] as const) {
    const pair = await exchange(await createCode(fixture));
    await assertWorks(pair);
    await revokeToken(fixture.access, fixture.client, pair[which] ?? '');
    await assertEnded(pair);
    await assert.rejects(refresh(pair.refreshToken), grantError('invalid_grant'));
  }
});

test('an app can revoke only its own tokens, and has to authenticate', async () => {
  const pair = await exchange(await createCode(fixture));
  await revokeToken(fixture.access, await createOtherClient(), pair.accessToken);
  await revokeToken(fixture.access, await createOtherClient(), pair.refreshToken ?? '');
  await assertWorks(pair);
  const forged = revokeToken(fixture.access, { ...fixture.client, clientSecret: 'x' }, pair.accessToken);
  await assert.rejects(forged, grantError('invalid_client'));
  await assertWorks(pair);
  await revokeToken(fixture.access, fixture.client, 'unknown');
});

test('an app can redirect users only to exactly one of its own addresses', async () => {
  const { client_id: clientId } = fixture.app;
  const ask = (redirectUri: string | undefined, id = clientId) =>
    findAuthorizingApp(fixture.access, { clientId: id, redirectUri });
  assert.equal((await ask(REDIRECT))?.redirectUri, REDIRECT);
  assert.equal((await ask(undefined))?.redirectUri, REDIRECT);
  for (const other of [`${REDIRECT}/`, `${REDIRECT}?x=1`, 'https://app.partway.test', REDIRECT.toUpperCase()]) {
    assert.equal(await ask(other), undefined, other);
  }
  assert.equal(await ask(REDIRECT, 'unknown'), undefined);
  const two = await addApp(fixture.access.db, {
    name: 'Two',
    now: fixture.clock.now(),
    redirectUris: [REDIRECT, 'http://localhost:3000/'],
  });
  assert.equal(await ask(undefined, two.app.client_id), undefined);
  const none = await addApp(fixture.access.db, { name: 'None', now: fixture.clock.now() });
  assert.equal(await ask(undefined, none.app.client_id), undefined);
});

test('the background job deletes expired tokens and keeps the others', async () => {
  const live = await exchange(await createCode(fixture));
  assert.equal(await deleteExpiredTokens(fixture.access), 0);
  fixture.clock.advance(61_000);
  assert.equal(await deleteExpiredTokens(fixture.access), 1, 'the code');
  const next = await refresh(live.refreshToken);
  fixture.clock.advance(8 * 24 * 3_600_000);
  assert.equal(await deleteExpiredTokens(fixture.access), 2, 'both access tokens');
  const last = await refresh(next.refreshToken);
  fixture.clock.advance(61 * 24 * 3_600_000);
  assert.equal(await deleteExpiredTokens(fixture.access), 4, 'three refresh tokens and an access token');
  await assert.rejects(refresh(last.refreshToken), grantError('invalid_grant'));
});
