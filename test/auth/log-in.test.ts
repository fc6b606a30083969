import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { authenticate } from '../../packages/server/src/auth/authenticate.ts';
import { exchangeClientCredentials } from '../../packages/server/src/auth/grants/client-credentials.ts';
import { logIn } from '../../packages/server/src/auth/login/log-in.ts';
import { LoginThrottle } from '../../packages/server/src/auth/login/throttle.ts';
import { changePassword } from '../../packages/server/src/auth/users/change-password.ts';
import { hashPassword, matchesPassword } from '../../packages/server/src/auth/users/password.ts';
import { errorWithCode } from '../files/files-fixture.ts';
import { type AuthFixture, openAuthFixture } from './auth-fixture.ts';

const PASSWORD = 'correct horse battery';

let fixture: AuthFixture;
beforeEach(async () => {
  await fixture?.[Symbol.asyncDispose]();
  fixture = await openAuthFixture();
  await changePassword(fixture.access.db, { login: fixture.user.login, password: PASSWORD });
});
after(() => fixture[Symbol.asyncDispose]());

const attempt = (password: string, { login = fixture.user.login, address = '192.0.2.1' } = {}) =>
  logIn(fixture.access, { login, password, address });

test('only the correct password of a user who has one is accepted', async () => {
  const outcome = await attempt(PASSWORD);
  assert.ok(outcome.kind === 'user' && outcome.user.id === fixture.user.id);
  for (const [password, login] of [
    ['wrong password', fixture.user.login],
    ['', fixture.user.login],
    [PASSWORD, 'nobody@partway.test'],
    ['', 'developer@partway.local'],
  ] as const) {
    assert.equal((await attempt(password, { login, address: login })).kind, 'wrong', login);
  }
});

/** Records guesses without the time that each one takes. */
function recordGuesses({ login = fixture.user.login, network = '192.0.2.1' }, times: number): void {
  for (let n = 0; n < times; n += 1) fixture.access.loginAttempts.begin({ login, network }, fixture.clock.monotonic());
}

test('guesses at one login from one address are delayed longer and longer, up to half a minute', async () => {
  const waits: number[] = [];
  for (let tries = 0; tries < 12; tries += 1) {
    let outcome = await attempt('wrong password');
    if (outcome.kind === 'later') {
      waits.push(outcome.delay);
      fixture.clock.advance(outcome.delay);
      outcome = await attempt('wrong password', { login: fixture.user.login.toUpperCase() });
    }
    assert.equal(outcome.kind, 'wrong');
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  assert.equal((await attempt(PASSWORD)).kind, 'later');
  fixture.clock.advance(30_000);
  assert.equal((await attempt(PASSWORD)).kind, 'user');
  assert.equal((await attempt('wrong password')).kind, 'wrong', 'a successful login resets the delay');
});

test('after forty guesses from forty addresses, the correct password is accepted from known and new addresses', async () => {
  assert.equal((await attempt(PASSWORD)).kind, 'user');
  for (let n = 0; n < 40; n += 1) recordGuesses({ network: `198.51.100.${n}` }, 1);
  assert.equal((await attempt(PASSWORD)).kind, 'user');
  assert.equal((await attempt(PASSWORD, { address: '203.0.113.7' })).kind, 'user');
});

test('while twenty guesses from twenty addresses are waiting, the correct password is accepted', async () => {
  assert.equal((await attempt(PASSWORD)).kind, 'user');
  const guesses = startGuesses(20);
  const order: string[] = [];
  const known = attempt(PASSWORD).then(({ kind }) => order.push(`known ${kind}`));
  const unknown = attempt(PASSWORD, { address: '203.0.113.7' }).then(({ kind }) => order.push(`new ${kind}`));
  await Promise.all([known, unknown]);
  assert.deepEqual(order, ['known user', 'new user']);
  assert.ok((await Promise.all(guesses)).every(({ kind }) => kind === 'wrong'));
});

const startGuesses = (addresses: number) =>
  Array.from({ length: addresses }, (_, n) => attempt('wrong password', { address: `198.51.100.${n}` }));

test('more than a hundred guesses at one login delay unknown addresses, but not users who are known at theirs', async () => {
  assert.equal((await attempt(PASSWORD)).kind, 'user');
  for (let n = 0; n < 200; n += 1) recordGuesses({ network: `198.51.100.${n}` }, 1);
  const unknown = await attempt(PASSWORD, { address: '203.0.113.7' });
  assert.ok(unknown.kind === 'later' && unknown.delay <= 30_000);
  assert.equal((await attempt(PASSWORD)).kind, 'user');
  fixture.clock.advance(30_000);
  assert.equal((await attempt(PASSWORD, { address: '203.0.113.7' })).kind, 'user');
});

test('five wrong guesses behind one proxy delay only that login', async () => {
  for (let tries = 0; tries < 5; tries += 1) await attempt('wrong password', { login: 'other@partway.test' });
  assert.equal((await attempt('wrong password', { login: 'other@partway.test' })).kind, 'later');
  assert.equal((await attempt(PASSWORD)).kind, 'user');
});

test('guesses at any logins from one address are delayed after fifty, but not for users who are known there', async () => {
  assert.equal((await attempt(PASSWORD)).kind, 'user');
  for (let n = 0; n < 60; n += 1) recordGuesses({ login: `user${n}` }, 1);
  const unknown = await attempt('wrong password', { login: 'yet-another@partway.test' });
  assert.ok(unknown.kind === 'later' && unknown.delay <= 60_000);
  assert.equal((await attempt(PASSWORD)).kind, 'user');
  assert.equal((await attempt(PASSWORD, { address: '192.0.2.2' })).kind, 'user');
});

test('users who are known at an address are delayed like all others after wrong guesses', async () => {
  assert.equal((await attempt(PASSWORD)).kind, 'user');
  for (let tries = 0; tries < 5; tries += 1) assert.equal((await attempt('wrong password')).kind, 'wrong');
  assert.equal((await attempt('wrong password')).kind, 'later');
});

test('all addresses of one IPv6 network count as one, and an IPv4 address is the same in both forms', async () => {
  const addresses = ['2001:db8::1', '2001:db8:0:0:1::', '2001:db8::ffff:1', '2001:db8:0:0:a:b:c:d', '2001:db8::'];
  for (const address of addresses) await attempt('wrong password', { address });
  assert.equal((await attempt(PASSWORD, { address: '2001:db8::2' })).kind, 'later');
  assert.equal((await attempt(PASSWORD, { address: '2001:db8:0:1::1' })).kind, 'user');
  for (let tries = 0; tries < 5; tries += 1) await attempt('wrong password', { address: '::ffff:192.0.2.9' });
  assert.equal((await attempt(PASSWORD, { address: '192.0.2.9' })).kind, 'later');
});

test('the memory for attempts is limited, whatever is tried', async () => {
  const { loginAttempts: attempts } = fixture.access;
  for (let n = 0; n < 25_000; n += 1) {
    const attempt = { login: `user${n}`, network: `2001:db8:${n.toString(16)}:0` };
    attempts.succeed(attempts.begin(attempt, 0));
    attempts.begin(attempt, 0);
  }
  assert.ok(attempts.size <= 40_000, `${attempts.size} entries`);
});

test('at most sixteen guesses from one network, and sixty-four in total, wait to be checked', async () => {
  const { queue } = fixture.access.loginAttempts;
  const gate = Promise.withResolvers<void>();
  const enqueue = (network: string, isKnown = false) =>
    queue.run({ network, isKnown }, () => gate.promise.then(() => true));
  const queued = [
    enqueue('running'),
    ...Array.from({ length: 20 }, () => enqueue('one')),
    ...Array.from({ length: 60 }, (_, n) => enqueue(`n${n}`)),
    enqueue('one', true),
  ];
  gate.resolve();
  const done = await Promise.all(queued);
  assert.equal(done.filter((result) => result === true).length, 1 + 16 + 48 + 1);
  assert.equal(done.slice(1, 21).filter((result) => result === true).length, 16);
});

test('a login is asked to retry in a second if too many are waiting, and is not counted as an attempt', async () => {
  const { queue } = fixture.access.loginAttempts;
  const gate = Promise.withResolvers<void>();
  const queued = Array.from({ length: 17 }, () =>
    queue.run({ network: '192.0.2.1', isKnown: false }, () => gate.promise),
  );
  for (let tries = 0; tries < 10; tries += 1)
    assert.deepEqual(await attempt(PASSWORD), { kind: 'later', delay: 1_000 });
  gate.resolve();
  await Promise.all(queued);
  assert.equal((await attempt(PASSWORD)).kind, 'user');
});

test('concurrent guesses are counted one by one', async () => {
  const outcomes = await Promise.all(Array.from({ length: 12 }, () => attempt('wrong password')));
  assert.equal(outcomes.filter(({ kind }) => kind === 'wrong').length, 5);
});

test('the memory for attempts is limited and keeps the latest ones', () => {
  const throttle = new LoginThrottle({ maxEntries: 100, freeAttempts: 5, maxDelay: 1_000 });
  for (let tries = 0; tries < 10; tries += 1) throttle.recordAttempt('early', 0);
  for (let name = 0; name < 99; name += 1) throttle.recordAttempt(`name ${name}`, 0);
  assert.equal(throttle.size, 100);
  assert.equal(throttle.delayFor('early', 0), 1_000);
  throttle.recordAttempt('one more', 0);
  assert.equal(throttle.size, 100);
  assert.equal(throttle.delayFor('early', 0), 0);
});

test('passwords are stored as salted scrypt hashes and compared after Unicode normalization', async () => {
  const [one, other] = [await hashPassword('pässword'), await hashPassword('pässword')];
  assert.match(one, /^scrypt\$32768\$8\$3\$[\w-]{22}\$[\w-]{43}$/);
  assert.notEqual(one, other);
  assert.equal(await matchesPassword('pa\u0308ssword', one), true);
  assert.equal(await matchesPassword('password', one), false);
  for (const damaged of ['', 'scrypt$', 'plain$pässword', one.slice(0, -43)]) {
    assert.equal(await matchesPassword('pässword', damaged).catch(() => false), false, damaged);
  }
  await assert.rejects(hashPassword('short'), /8 to 1024 characters/);
});

test('a new password revokes the tokens that were issued before', async () => {
  const subject = { type: 'user', id: String(fixture.user.id) };
  const { accessToken } = await exchangeClientCredentials(fixture.access, fixture.client, subject);
  await changePassword(fixture.access.db, { login: fixture.user.login, password: 'another password' });
  await assert.rejects(authenticate(fixture.access, accessToken), errorWithCode('invalid-token'));
  assert.equal((await attempt(PASSWORD)).kind, 'wrong');
  assert.equal((await attempt('another password')).kind, 'user');
  await assert.rejects(changePassword(fixture.access.db, { login: 'nobody', password: PASSWORD }), /no user/);
});
