import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginQueue } from '../../packages/server/src/auth/login/queue.ts';

/** A queue whose first check is in progress, and the networks of the later checks that have run. */
function openBusyQueue() {
  const queue = new LoginQueue();
  const first = Promise.withResolvers<void>();
  const ran: string[] = [];
  const ask = (network: string, isKnown = false) =>
    queue.run({ network, isKnown }, async () => {
      ran.push(network);
      return network;
    });
  const started = queue.run({ network: 'first', isKnown: false }, () => first.promise);
  const end = () => {
    first.resolve();
    return started;
  };
  return { ask, ran, end };
}

test('at most 64 password checks wait, and as many again of users who are known at their address', async () => {
  const { ask, end } = openBusyQueue();
  const asked = Array.from({ length: 70 }, (_, n) => ask(`network ${n}`));
  const known = Array.from({ length: 70 }, (_, n) => ask(`network ${n}`, true));
  await end();
  for (const all of [asked, known]) {
    assert.equal((await Promise.all(all)).filter((network) => network !== undefined).length, 64);
  }
});

test('checks of known users run first, and each kind runs in the order of arrival', async () => {
  const { ask, ran, end } = openBusyQueue();
  const all = [ask('a'), ask('b'), ask('c', true), ask('d', true)];
  await end();
  await Promise.all(all);
  assert.deepEqual(ran, ['c', 'd', 'a', 'b']);
});
