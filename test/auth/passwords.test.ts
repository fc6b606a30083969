import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashSecret, matchesHash, newSecret } from '../../packages/server/src/auth/secrets.ts';
import { assertPassword, hashPassword, matchesPassword } from '../../packages/server/src/auth/users/password.ts';

test('a password has 8 to 1024 characters', () => {
  for (const length of [8, 1024]) assertPassword('x'.repeat(length));
  for (const length of [0, 7, 1025]) assert.throws(() => assertPassword('x'.repeat(length)), /8 to 1024 characters/);
});

test('the longest password matches, also when more is typed after it', async () => {
  const hash = await hashPassword(`${'x'.repeat(1023)}y`);
  assert.equal(await matchesPassword(`${'x'.repeat(1023)}y`, hash), true);
  assert.equal(await matchesPassword(`${'x'.repeat(1023)}yz`, hash), true);
  assert.equal(await matchesPassword('x'.repeat(1023), hash), false);
  assert.equal(await matchesPassword(`y${'x'.repeat(1022)}y`, hash), false);
});

test('a hash of another cost still matches', async () => {
  // scrypt of "password" with N=1024, r=8, p=1 and the salt "salt".
  const cheap = 'scrypt$1024$8$1$c2FsdA$FtvIkGdjx_BIl3po-dMF93EOBoyizZXas3ISW7Pxlgg';
  assert.equal(await matchesPassword('password', cheap), true);
  assert.equal(await matchesPassword('other', cheap), false);
});

test('a user without a password has none that matches', async () => {
  assert.equal(await matchesPassword('', null), false);
  assert.equal(await matchesPassword('password', null), false);
});

test('a secret has 256 bits in 43 characters, and matches only its own hash', () => {
  const secret = newSecret();
  assert.match(secret, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(Buffer.from(secret, 'base64url').length, 32);
  assert.equal(matchesHash(secret, hashSecret(secret)), true);
  assert.equal(matchesHash(newSecret(), hashSecret(secret)), false);
});
