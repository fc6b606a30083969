import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkFor } from '../../packages/server/src/auth/login/log-in.ts';
import { LoginThrottle } from '../../packages/server/src/auth/login/throttle.ts';

const HOUR = 3_600_000;

test('each attempt beyond the free ones doubles the delay, up to the maximum', () => {
  const throttle = new LoginThrottle({ maxEntries: 10, freeAttempts: 2, maxDelay: 5_000 });
  const waits = Array.from({ length: 6 }, () => {
    throttle.recordAttempt('ada', 0);
    return throttle.delayFor('ada', 0);
  });
  assert.deepEqual(waits, [0, 1_000, 2_000, 4_000, 5_000, 5_000]);
  assert.equal(throttle.delayFor('ada', 4_000), 1_000);
  assert.equal(throttle.delayFor('bob', 0), 0);
});

test('a successful attempt undoes only itself, and the last one leaves no entry', () => {
  const throttle = new LoginThrottle({ maxEntries: 10, freeAttempts: 1, maxDelay: HOUR });
  for (let n = 0; n < 4; n++) throttle.recordAttempt('ada', 0);
  throttle.undoAttempt('ada');
  assert.equal(throttle.delayFor('ada', 0), 4_000);
  for (let n = 0; n < 2; n++) throttle.undoAttempt('ada');
  assert.equal(throttle.size, 1);
  assert.equal(throttle.delayFor('ada', 0), 1_000);
  throttle.undoAttempt('ada');
  assert.equal(throttle.size, 0);
  throttle.undoAttempt('ada');
  assert.equal(throttle.size, 0);
});

test('attempts count for an hour after the last one', () => {
  const throttle = new LoginThrottle({ maxEntries: 10, freeAttempts: 1, maxDelay: HOUR });
  throttle.recordAttempt('ada', 0);
  throttle.recordAttempt('ada', HOUR - 1);
  assert.equal(throttle.delayFor('ada', HOUR - 1), 2_000);
  throttle.recordAttempt('ada', 2 * HOUR - 1);
  assert.equal(throttle.delayFor('ada', 2 * HOUR - 1), 1_000);
});

test('if there are too many names, the least recently used ones are forgotten', () => {
  const throttle = new LoginThrottle({ maxEntries: 2, freeAttempts: 1, maxDelay: HOUR });
  for (const name of ['ada', 'bob', 'ada', 'cy']) throttle.recordAttempt(name, 0);
  assert.equal(throttle.size, 2);
  assert.deepEqual(
    ['ada', 'bob', 'cy'].map((name) => throttle.delayFor(name, 0)),
    [2_000, 0, 1_000],
  );
});

test('an IPv6 address counts by its /64, in any notation, and an IPv4 address by itself', () => {
  for (const [address, network] of [
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
    ['2001::', '2001:0:0:0'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
  ] as const) {
    assert.equal(networkFor(address), network, address);
  }
});
