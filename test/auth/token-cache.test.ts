import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { UserId } from '../../packages/protocol/src/ids.ts';
import { authenticate } from '../../packages/server/src/auth/authenticate.ts';
import type { Authority } from '../../packages/server/src/auth/authority.ts';
import { exchangeClientCredentials } from '../../packages/server/src/auth/grants/client-credentials.ts';
import { TokenCache } from '../../packages/server/src/auth/token-cache.ts';
import { revokeToken } from '../../packages/server/src/auth/tokens/revoke.ts';
import { updateUser } from '../../packages/server/src/auth/users/update.ts';
import { errorWithCode } from '../files/files-fixture.ts';
import { type AuthFixture, openAuthFixture } from './auth-fixture.ts';

let fixture: AuthFixture;
before(async () => {
  fixture = await openAuthFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const createToken = async () =>
  (await exchangeClientCredentials(fixture.access, fixture.client, { type: 'user', id: String(fixture.user.id) }))
    .accessToken;

/** Authenticates a token. Runs `meanwhile` after its row was read and before the result is returned. */
function authenticateDuring(token: string, meanwhile: () => Promise<void>) {
  let happened = false;
  const db = fixture.access.db.withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (!happened) {
        happened = true;
        await meanwhile();
      }
      return result;
    },
  });
  return authenticate({ ...fixture.access, db }, token);
}

test('a token that is revoked while it is being looked up is not cached', async () => {
  const token = await createToken();

  await authenticateDuring(token, () => revokeToken(fixture.access, fixture.client, token));

  await assert.rejects(authenticate(fixture.access, token), errorWithCode('invalid-token'));
});

test('a token whose user gets another status while it is being looked up is not cached with the old status', async () => {
  const token = await createToken();

  await authenticateDuring(token, () =>
    updateUser(fixture.access, fixture.user.id, { status: 'cannot_delete_edit' }, 'admin'),
  );

  assert.equal((await authenticate(fixture.access, token)).principal.status, 'cannot_delete_edit');
});

const NOW = { now: 1_000, monotonic: 0 };
const createAuthority = (userId: number) => ({ principal: { userId: userId as UserId } }) as Authority;

/** Caches a token of a user, named after the user. */
function cache(tokens: TokenCache, userId: number, expiresAt = Number.POSITIVE_INFINITY): void {
  tokens.set(`token of ${userId}`, createAuthority(userId), { expiresAt, monotonic: 0, generation: tokens.generation });
}

const listCached = (tokens: TokenCache, userIds: readonly number[], at = NOW) =>
  userIds.filter((userId) => tokens.get(`token of ${userId}`, at) !== undefined);

test('the tokens of many users are cached at once, each with its own authority', () => {
  const tokens = new TokenCache();
  const users = Array.from({ length: 1_000 }, (_, n) => n);
  for (const user of users) cache(tokens, user);
  assert.deepEqual(listCached(tokens, users), users);
  assert.equal(tokens.get('token of 7', NOW)?.principal.userId, 7);
});

test('no more tokens are cached than memory is reserved for', () => {
  const tokens = new TokenCache();
  const users = Array.from({ length: 30_000 }, (_, n) => n);
  for (const user of users) cache(tokens, user);
  const cached = listCached(tokens, users);
  assert.ok(cached.length > 0 && cached.length <= 10_000, `${cached.length}`);
  assert.ok(cached.includes(29_999));
});

test('a token is cached for five seconds, and never after it has expired', () => {
  const tokens = new TokenCache();
  cache(tokens, 1);
  cache(tokens, 2, 2_000);
  assert.deepEqual(listCached(tokens, [1, 2], { now: 1_999, monotonic: 4_999 }), [1, 2]);
  assert.deepEqual(listCached(tokens, [1, 2], { now: 2_000, monotonic: 4_999 }), [1]);
  assert.deepEqual(listCached(tokens, [1, 2], { now: 2_000, monotonic: 5_000 }), []);
});

test('deleting tokens keeps those of other users, and a token that was read before its deletion is not cached', () => {
  const tokens = new TokenCache();
  for (const user of [1, 2, 3]) cache(tokens, user);
  const { generation } = tokens;
  tokens.deleteByUser(1 as UserId);
  tokens.deleteAll(['token of 2']);
  tokens.set('token of 1', createAuthority(1), { expiresAt: Number.POSITIVE_INFINITY, monotonic: 0, generation });
  assert.deepEqual(listCached(tokens, [1, 2, 3]), [3]);
});
