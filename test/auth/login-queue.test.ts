import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginQueue } from '../../packages/server/src/auth/login/queue.ts';

/** Turns of which the first is under way, and how many more are let in of those that ask. */
function underWay() {
  const queue = new LoginQueue();
  const first = Promise.withResolvers<void>();
  const ran: string[] = [];
  const ask = (network: string, isKnown = false) =>
    queue.run({ network, isKnown }, async () => {
      ran.push(network);
      return network;
    });
  const begun = queue.run({ network: 'first', isKnown: false }, () => first.promise);
  const end = () => {
    first.resolve();
    return begun;
  };
  return { ask, ran, end };
}

test('64 checks of passwords wait at most, and as many of those that are known at their address', async () => {
  const { ask, end } = underWay();
  const asked = Array.from({ length: 70 }, (_, n) => ask(`network ${n}`));
  const known = Array.from({ length: 70 }, (_, n) => ask(`network ${n}`, true));
  await end();
  for (const all of [asked, known]) {
    assert.equal((await Promise.all(all)).filter((network) => network !== undefined).length, 64);
  }
});

test('checks of those that are known go first, each kind in the order in which they came', async () => {
  const { ask, ran, end } = underWay();
  const all = [ask('a'), ask('b'), ask('c', true), ask('d', true)];
  await end();
  await Promise.all(all);
  assert.deepEqual(ran, ['c', 'd', 'a', 'b']);
});
