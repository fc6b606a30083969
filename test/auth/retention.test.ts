import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { authenticate } from '../../packages/server/src/auth/authenticate.ts';
import { exchangeClientCredentials } from '../../packages/server/src/auth/grants/client-credentials.ts';
import { exchangeAssertion } from '../../packages/server/src/auth/grants/jwt-assertion.ts';
import { createToken } from '../../packages/server/src/auth/tokens/create.ts';
import { deleteExpiredTokens } from '../../packages/server/src/auth/tokens/delete-expired.ts';
import { issueTokenPair, newGrantId } from '../../packages/server/src/auth/tokens/issue.ts';
import { listTokens, revokeTokenById } from '../../packages/server/src/auth/tokens/list.ts';
import { CLOCK_GRACE } from '../../packages/server/src/time/clock.ts';
import { errorWithCode } from '../files/files-fixture.ts';
import { type AuthFixture, createCode, openAuthFixture, signAssertion } from './auth-fixture.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let fixture: AuthFixture;
beforeEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const asUser = () => ({ type: 'user', id: String(fixture.user.id) });
const newToken = async () => (await exchangeClientCredentials(fixture.access, fixture.client, asUser())).accessToken;

function create(expiresAt: number) {
  return createToken(fixture.access.db, {
    login: fixture.user.login,
    expiresAt,
    scope: undefined,
    resource: undefined,
  });
}

test('expired access tokens stay for seven days, so that clients learn that they have expired', async () => {
  const token = await newToken();
  fixture.clock.advance(HOUR + 7 * DAY - 1);
  assert.equal(await deleteExpiredTokens(fixture.access), 0);
  await assert.rejects(authenticate(fixture.access, token), /expired_token/);
  fixture.clock.advance(1);
  assert.equal(await deleteExpiredTokens(fixture.access), 1);
  await assert.rejects(authenticate(fixture.access, token), errorWithCode('invalid-token'));
});

test('used assertions stay for a day after they expire', async () => {
  const now = fixture.clock.now();
  const assertion = await signAssertion(fixture, { claims: { exp: now / 1000 + 30 } });
  await exchangeAssertion(fixture.access, fixture.client, { assertion, audiences: [] });
  const rows = () => fixture.access.db.selectFrom('used_assertions').select('expires_at').execute();
  assert.deepEqual(await rows(), [{ expires_at: now + 40_000 }]);
  fixture.clock.advance(40_000 + DAY - 1);
  assert.equal(await deleteExpiredTokens(fixture.access), 0);
  fixture.clock.advance(1);
  assert.equal(await deleteExpiredTokens(fixture.access), 1);
});

test('codes are deleted after a minute, and refresh tokens after sixty days', async () => {
  await createCode(fixture);
  fixture.clock.advance(59_999);
  assert.equal(await deleteExpiredTokens(fixture.access), 0);
  fixture.clock.advance(1);
  assert.equal(await deleteExpiredTokens(fixture.access), 1);

  const grantee = { userId: fixture.user.id, clientId: fixture.app.client_id };
  await issueTokenPair(fixture.access.db, grantee, { now: fixture.clock.now(), grantId: newGrantId() });
  fixture.clock.advance(60 * DAY - 1);
  assert.equal(await deleteExpiredTokens(fixture.access), 1, 'the access token');
  fixture.clock.advance(1);
  assert.equal(await deleteExpiredTokens(fixture.access), 1, 'the refresh token');
});

test('access tokens of apps that expire more than an hour and a minute from now are shortened to an hour', async () => {
  const { db } = fixture.access;
  fixture.clock.advance(CLOCK_GRACE - 1);
  const now = fixture.clock.now() + 1;
  const token = await newToken();
  const byOperator = await create(now + 2 * HOUR);
  const setExpiry = (expiresAt: number) =>
    db.updateTable('access_tokens').set({ expires_at: expiresAt }).where('client_id', 'is not', null).execute();
  const listExpiry = async () =>
    (await listTokens(db, 0)).map(({ id, expiresAt }) => [id === byOperator.id, expiresAt - now]);
  await setExpiry(now + HOUR + 60_001);

  await deleteExpiredTokens(fixture.access);
  assert.deepEqual(await listExpiry(), [
    [false, HOUR + 60_001],
    [true, 2 * HOUR],
  ]);
  fixture.clock.advance(1);
  await deleteExpiredTokens(fixture.access);
  assert.deepEqual(await listExpiry(), [
    [false, HOUR],
    [true, 2 * HOUR],
  ]);
  await setExpiry(now + HOUR + 60_000);
  await deleteExpiredTokens(fixture.access);
  assert.deepEqual(await listExpiry(), [
    [false, HOUR + 60_000],
    [true, 2 * HOUR],
  ]);
  await authenticate(fixture.access, token);
});

test('the operator sees valid tokens, ordered by expiry time, and can revoke each of them', async () => {
  const { db } = fixture.access;
  const now = fixture.clock.now();
  const { id: late } = await create(now + 3_000);
  const { id: expired } = await create(now);
  const { id: early } = await create(now + 1);
  const grantee = { userId: fixture.user.id, clientId: fixture.app.client_id };
  await issueTokenPair(db, grantee, { now: now - 60 * DAY + 2_000, grantId: newGrantId() });

  const listed = await listTokens(db, now);
  assert.deepEqual(
    listed.map(({ kind, expiresAt, login }) => [kind, expiresAt - now, login]),
    [
      ['access', 1, fixture.user.login],
      ['refresh', 2_000, fixture.user.login],
      ['access', 3_000, fixture.user.login],
    ],
  );
  assert.deepEqual([listed[0]?.id, listed[2]?.id], [early, late]);
  assert.equal(await revokeTokenById(db, 'none'), false);
  for (const { id } of listed) assert.equal(await revokeTokenById(db, id), true);
  assert.deepEqual(await listTokens(db, now), []);
  assert.deepEqual(
    (await listTokens(db, 0)).map(({ id }) => id),
    [expired],
  );
});
