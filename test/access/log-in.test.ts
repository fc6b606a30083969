import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { authenticate } from '../../src/access/authenticate.ts';
import { changePassword } from '../../src/access/change-password.ts';
import { grantForCredentials } from '../../src/access/grant-credentials.ts';
import { logIn } from '../../src/access/log-in.ts';
import { hashPassword, matchesPassword } from '../../src/access/passwords.ts';
import { Slowdown } from '../../src/access/slowdown.ts';
import { refusal } from '../files/house.ts';
import { type Gatehouse, openGatehouse } from './gatehouse.ts';

const PASSWORD = 'correct horse battery';

let house: Gatehouse;
beforeEach(async () => {
  await house?.[Symbol.asyncDispose]();
  house = await openGatehouse();
  await changePassword(house.access.db, { login: house.user.login, password: PASSWORD });
});
after(() => house[Symbol.asyncDispose]());

const attempt = (password: string, { login = house.user.login, address = '192.0.2.1' } = {}) =>
  logIn(house.access, { login, password, address });

test('only the right password of a user who has one lets in', async () => {
  const outcome = await attempt(PASSWORD);
  assert.ok(outcome.kind === 'user' && outcome.user.id === house.user.id);
  for (const [password, login] of [
    ['wrong password', house.user.login],
    ['', house.user.login],
    [PASSWORD, 'nobody@partway.test'],
    ['', 'developer@partway.local'],
  ] as const) {
    assert.equal((await attempt(password, { login, address: login })).kind, 'wrong', login);
  }
});

test('guessing at one login gets ever slower, from whatever address, and half a minute at most', async () => {
  const waits: number[] = [];
  for (let tries = 0; tries < 12; tries += 1) {
    const address = `192.0.2.${tries}`;
    let outcome = await attempt('wrong password', { address });
    if (outcome.kind === 'later') {
      waits.push(outcome.wait);
      house.clock.advance(outcome.wait);
      outcome = await attempt('wrong password', { address });
    }
    assert.equal(outcome.kind, 'wrong');
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  assert.equal((await attempt(PASSWORD, { address: '192.0.2.99' })).kind, 'later');
  house.clock.advance(30_000);
  assert.equal((await attempt(PASSWORD, { address: '192.0.2.99' })).kind, 'user');
  assert.equal((await attempt('wrong password', { address: '192.0.2.98' })).kind, 'wrong', 'all is forgotten');
});

test('guessing from one address gets slower, at whatever logins', async () => {
  for (let tries = 0; tries < 5; tries += 1) await attempt('wrong password', { login: `user${tries}` });
  assert.equal((await attempt(PASSWORD)).kind, 'later');
  assert.equal((await attempt(PASSWORD, { address: '192.0.2.2' })).kind, 'user');
});

test('all addresses of one IPv6 network are one', async () => {
  const addresses = ['2001:db8::1', '2001:db8:0:0:1::', '2001:db8::ffff:1', '2001:db8:0:0:a:b:c:d', '2001:db8::'];
  for (const [tries, address] of addresses.entries())
    await attempt('wrong password', { login: `user${tries}`, address });
  assert.equal((await attempt(PASSWORD, { address: '2001:db8::2' })).kind, 'later');
  assert.equal((await attempt(PASSWORD, { address: '2001:db8:0:1::1' })).kind, 'user');
});

test('guesses that come all at once count as many', async () => {
  const outcomes = await Promise.all(Array.from({ length: 12 }, () => attempt('wrong password')));
  assert.equal(outcomes.filter(({ kind }) => kind === 'wrong').length, 5);
});

test('what is remembered of attempts is bounded, and keeps the latest', () => {
  const slowdown = new Slowdown({ most: 100, longestWait: 1_000 });
  for (let tries = 0; tries < 10; tries += 1) slowdown.note('early', 0);
  for (let name = 0; name < 99; name += 1) slowdown.note(`name ${name}`, 0);
  assert.equal(slowdown.size, 100);
  assert.equal(slowdown.waitOf('early', 0), 1_000);
  slowdown.note('one more', 0);
  assert.equal(slowdown.size, 100);
  assert.equal(slowdown.waitOf('early', 0), 0);
});

test('passwords are kept as salted scrypt hashes, and compared as Unicode composes them', async () => {
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

test('another password ends what was given to whoever knew the old one', async () => {
  const subject = { type: 'user', id: String(house.user.id) };
  const { accessToken } = await grantForCredentials(house.access, house.client, subject);
  await changePassword(house.access.db, { login: house.user.login, password: 'another password' });
  await assert.rejects(authenticate(house.access, accessToken), refusal('unauthorized'));
  assert.equal((await attempt(PASSWORD)).kind, 'wrong');
  assert.equal((await attempt('another password')).kind, 'user');
  await assert.rejects(changePassword(house.access.db, { login: 'nobody', password: PASSWORD }), /no user/);
});
