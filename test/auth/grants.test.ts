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
import { type AuthFixture, grantError, newCode, openAuthFixture, REDIRECT } from './auth-fixture.ts';

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
const works = ({ accessToken }: GrantedToken) => authenticate(fixture.access, accessToken);
const isOver = (granted: GrantedToken) => assert.rejects(works(granted), errorWithCode('invalid-token'));

async function otherClient() {
  const { app, clientSecret } = await addApp(fixture.access.db, { name: 'Other', now: fixture.clock.now() });
  return { clientId: app.client_id, clientSecret };
}

test('a code brings tokens of the user who gave it, with or without the redirect address', async () => {
  for (const redirectUri of [undefined, REDIRECT]) {
    const { principal } = await works(await exchange(await newCode(fixture), redirectUri));
    assert.equal(principal.userId, fixture.user.id);
  }
});

test('a code works for its app, its address and one minute', async () => {
  const wrong = grantError('invalid_grant');
  await assert.rejects(exchange(await newCode(fixture), 'https://app.partway.test/callback2'), wrong);
  await assert.rejects(exchange(await newCode(fixture), undefined, await otherClient()), wrong);
  await assert.rejects(exchange('x'), wrong);
  const code = await newCode(fixture);
  await assert.rejects(
    exchange(code, undefined, { ...fixture.client, clientSecret: 'x' }),
    grantError('invalid_client'),
  );
  fixture.clock.advance(60_000);
  await assert.rejects(exchange(code), wrong);
});

test('a code that comes a second time ends the tokens that it gave', async () => {
  const code = await newCode(fixture);
  const first = await exchange(code);
  await works(first);
  await assert.rejects(exchange(code), grantError('invalid_grant'));
  await isOver(first);
  await assert.rejects(refresh(first.refreshToken), grantError('invalid_grant'));
});

test('of two who bring one code, or one refresh token, at the same time at most one is served', async () => {
  const code = await newCode(fixture);
  const codes = await Promise.allSettled([exchange(code), exchange(code)]);
  assert.equal(codes.filter(({ status }) => status === 'fulfilled').length, 1);
  const { refreshToken } = await exchange(await newCode(fixture));
  const refreshes = await Promise.allSettled([refresh(refreshToken), refresh(refreshToken)]);
  const served = refreshes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  assert.equal(served.length, 1);
  for (const one of served) await isOver(one);
});

test('a refresh token brings the next pair, and each works once', async () => {
  const first = await exchange(await newCode(fixture));
  const second = await refresh(first.refreshToken);
  const third = await refresh(second.refreshToken);
  await works(third);
  assert.equal(new Set([first, second, third].map((pair) => pair.refreshToken)).size, 3);
});

test('a used refresh token ends everything that came of the same login', async () => {
  const first = await exchange(await newCode(fixture));
  const second = await refresh(first.refreshToken);
  const another = await exchange(await newCode(fixture));
  await works(second);
  await assert.rejects(refresh(first.refreshToken), grantError('invalid_grant'));
  await isOver(second);
  await assert.rejects(refresh(second.refreshToken), grantError('invalid_grant'));
  await works(another);
});

test('a refresh token is of no use to another app, nor after sixty days, nor as an access token', async () => {
  const { refreshToken, accessToken } = await exchange(await newCode(fixture));
  await assert.rejects(refresh(refreshToken, await otherClient()), grantError('invalid_grant'));
  await assert.rejects(refresh(accessToken), grantError('invalid_grant'));
  await assert.rejects(authenticate(fixture.access, refreshToken ?? ''), errorWithCode('invalid-token'));
  fixture.clock.advance(60 * 24 * 3_600_000);
  await assert.rejects(refresh(refreshToken), grantError('invalid_grant'));
});

test('an access token ends after an hour, and is then said to have expired', async () => {
  const granted = await exchangeClientCredentials(fixture.access, fixture.client, { type: 'enterprise', id: '1' });
  fixture.clock.advance(3_599_999);
  await works(granted);
  fixture.clock.advance(1);
  await assert.rejects(works(granted), /expired_token/);
});

test('revoking an access or a refresh token ends both', async () => {
  for (const which of ['accessToken', 'refreshToken'] as const) {
    const pair = await exchange(await newCode(fixture));
    await works(pair);
    await revokeToken(fixture.access, fixture.client, pair[which] ?? '');
    await isOver(pair);
    await assert.rejects(refresh(pair.refreshToken), grantError('invalid_grant'));
  }
});

test('an app revokes its own tokens only, and must prove itself', async () => {
  const pair = await exchange(await newCode(fixture));
  await revokeToken(fixture.access, await otherClient(), pair.accessToken);
  await revokeToken(fixture.access, await otherClient(), pair.refreshToken ?? '');
  await works(pair);
  const forged = revokeToken(fixture.access, { ...fixture.client, clientSecret: 'x' }, pair.accessToken);
  await assert.rejects(forged, grantError('invalid_client'));
  await works(pair);
  await revokeToken(fixture.access, fixture.client, 'unknown');
});

test('an app asks to send users back to an address of its own, to the letter', async () => {
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

test('the sweep forgets what has run out, and keeps what has not', async () => {
  const live = await exchange(await newCode(fixture));
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
