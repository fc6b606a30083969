import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileHash } from '../../packages/server/src/storage/blob-store.ts';
import { PartTurns } from '../../packages/server/src/uploads/hashing/part-turns.ts';

const LENGTH = 100;
const MIB = 1024 * 1024;

/** A file whose hash is the number of parts that it includes. */
function openTurns({ maxWait = 60_000 } = {}) {
  const stored = new Set<number>();
  const state = { next: 0, drops: 0, forks: 0, isBusy: false };
  const hashAt = (next: number) => new Uint8Array([next]) as FileHash;
  const turns = new PartTurns(
    {
      next: () => state.next,
      isStored: (index) => stored.has(index),
      fork(index) {
        state.forks += 1;
        return index === state.next && !state.isBusy ? hashAt(index) : undefined;
      },
      join: (index) => {
        if (index !== state.next) return false;
        state.next += 1;
        turns.check();
        return true;
      },
      drop: () => {
        state.drops += 1;
      },
    },
    { maxWait },
  );
  const open = (index: number, length = LENGTH) => turns.open({ index, offset: index * LENGTH, length });
  return { turns, open, stored, state, hashAt };
}

test('the next part gets the hash of the file when it begins to arrive, and the ones behind it later, in order', async () => {
  const { open, hashAt } = openTurns();
  const [first, second, third] = [open(0), open(1), open(2)];
  assert.deepEqual([first.begin(), second.begin(), third.begin()], [hashAt(0), 'later', 'later']);
  const order: number[] = [];
  const waits = [third, second].map(async (turn) => {
    const hash = await turn.wait();
    order.push(hash?.[0] ?? -1);
    turn.done(hash as FileHash);
  });
  first.done(hashAt(1));
  await Promise.all(waits);
  assert.deepEqual(order, [1, 2]);
});

test('a part whose turn has come when it is complete does not wait', async () => {
  const { open, hashAt } = openTurns({ maxWait: 0 });
  const [first, second] = [open(0), open(1)];
  assert.equal(second.begin(), 'later');
  first.done(hashAt(1));
  assert.deepEqual(await second.wait(), hashAt(1));
});

test('a part that does not wait yet or any longer gets no hash', async () => {
  const { turns, open, state, hashAt } = openTurns();
  const first = open(0);
  open(1);
  turns.check();
  assert.equal(state.forks, 0);
  assert.deepEqual(await first.wait(), hashAt(0));
  turns.check();
  assert.equal(state.forks, 1);
});

test('the next part is hashed later if the hash is busy when it begins to arrive', () => {
  const { open, state } = openTurns();
  state.isBusy = true;
  assert.equal(open(0).begin(), 'later');
});

test('a part waits while the hash is reading the parts before it, which are stored', async () => {
  const { turns, open, stored, state, hashAt } = openTurns();
  stored.add(0);
  state.isBusy = true;
  const turn = open(1);
  assert.equal(turn.begin(), 'later');
  const waiting = turn.wait();
  state.next = 1;
  state.isBusy = false;
  turns.check();
  assert.deepEqual(await waiting, hashAt(1));
});

test('a part is hashed alone, while it arrives, if a part before it is missing, far away or too large to wait', () => {
  const { open, stored } = openTurns();
  assert.equal(open(2).begin(), undefined);
  open(0);
  assert.equal(open(2).begin(), undefined);
  open(1);
  assert.equal(open(2, 64 * MIB).begin(), 'later');
  assert.equal(open(2, 64 * MIB + 1).begin(), undefined);
  for (let index = 0; index < 40; index++) stored.add(index);
  assert.equal(open(32).begin(), 'later');
  assert.equal(open(33).begin(), undefined);
});

test('a part before the end of the hash is hashed alone, as it is included', () => {
  const { open, state } = openTurns();
  state.next = 3;
  assert.equal(open(2).begin(), undefined);
});

test('a part that waits is hashed alone as soon as a part before it has failed', async () => {
  const { open } = openTurns();
  const [first, second, third] = [open(0), open(1), open(2)];
  const waits = [second.wait(), third.wait()];
  first.close();
  assert.deepEqual(await Promise.all(waits), [undefined, undefined]);
});

test('a part that waits is hashed alone after a while', async () => {
  const { open } = openTurns({ maxWait: 5 });
  open(0);
  const second = open(1);
  assert.equal(second.begin(), 'later');
  assert.equal(await second.wait(), undefined);
});

test('a hash with a part that was not stored is dropped', () => {
  const { open, stored, state, hashAt } = openTurns();
  const [first, second] = [open(0), open(1)];
  first.done(hashAt(1));
  stored.add(0);
  first.close();
  assert.equal(state.drops, 0);
  second.done(hashAt(2));
  second.close();
  assert.equal(state.drops, 1);
});

test('a hash that has proceeded without a part that was not stored is kept', () => {
  const { open, state, hashAt } = openTurns();
  const first = open(0);
  state.next = 1;
  first.done(hashAt(1));
  first.close();
  assert.equal(state.drops, 0);
});

test('the newer of two requests for a part keeps its turn when the older one ends', () => {
  const { turns, open } = openTurns();
  const older = open(0);
  const newer = open(0);
  older.close();
  assert.equal(open(1).begin(), 'later');
  assert.equal(turns.isEmpty, false);
  newer.close();
  assert.equal(open(1).begin(), undefined);
});
