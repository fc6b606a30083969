import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Semaphore } from '../../packages/client/src/upload/semaphore.ts';
import { fakeTime } from './fake-time.ts';

const { signal } = new AbortController();
const settle = () => new Promise(setImmediate);

/** Records which permits have been acquired, in order. */
function recorder(semaphore: Semaphore) {
  const admitted: number[] = [];
  return {
    admitted,
    acquire: (...orders: number[]) => {
      for (const order of orders) void semaphore.acquire(signal, { order }).then(() => admitted.push(order));
      return settle();
    },
  };
}

describe('the semaphore with priorities', () => {
  test('admits as many as its limit at once, and the next one when a permit is released', async () => {
    const semaphore = new Semaphore(2);
    const { admitted, acquire } = recorder(semaphore);
    await acquire(1, 2, 3);
    assert.deepEqual(admitted, [1, 2]);
    semaphore.release();
    await settle();
    assert.deepEqual(admitted, [1, 2, 3]);
  });

  test('admits the smallest number first, and the earlier of two equal ones', async () => {
    const semaphore = new Semaphore(0);
    const admitted: string[] = [];
    for (const [order, name] of [
      [2, 'a'],
      [1, 'b'],
      [2, 'c'],
      [3, 'd'],
      [1, 'e'],
    ] as const) {
      void semaphore.acquire(signal, { order }).then(() => admitted.push(name));
    }
    semaphore.limit = 5;
    await settle();
    assert.deepEqual(admitted, ['b', 'e', 'a', 'c', 'd']);
  });

  test('admits waiters as soon as its limit is raised', async () => {
    const semaphore = new Semaphore(1);
    const { admitted, acquire } = recorder(semaphore);
    await acquire(1, 2, 3);
    semaphore.limit = 2;
    await settle();
    assert.deepEqual(admitted, [1, 2]);
  });

  test('admits nobody after its limit is lowered until enough permits are released', async () => {
    const semaphore = new Semaphore(2);
    const { admitted, acquire } = recorder(semaphore);
    await acquire(1, 2, 3);
    semaphore.limit = 1;
    semaphore.release();
    await settle();
    assert.deepEqual(admitted, [1, 2]);
    semaphore.release();
    await settle();
    assert.deepEqual(admitted, [1, 2, 3]);
  });

  test('forgets a waiter that gives up, and no other', async () => {
    const semaphore = new Semaphore(0);
    const { admitted, acquire } = recorder(semaphore);
    await acquire(1);
    const cancel = new AbortController();
    const canceled = assert.rejects(semaphore.acquire(cancel.signal, { order: 2 }), /enough/);
    await acquire(3, 4);
    cancel.abort(new Error('enough'));
    await canceled;
    semaphore.limit = 3;
    await settle();
    assert.deepEqual(admitted, [1, 3, 4]);
  });

  test('is not affected by a signal that is aborted after its waiter was admitted', async () => {
    const semaphore = new Semaphore(1);
    const cancel = new AbortController();
    await semaphore.acquire(cancel.signal, { order: 1 });
    const { admitted, acquire } = recorder(semaphore);
    await acquire(2);
    cancel.abort();
    semaphore.release();
    await settle();
    assert.deepEqual(admitted, [2]);
  });

  test('admits nobody during a pause, and everybody it can afterwards', async (t) => {
    const time = fakeTime(t);
    const semaphore = new Semaphore(2);
    semaphore.pause(100);
    const { admitted, acquire } = recorder(semaphore);
    await acquire(1, 2);
    time.advance(99);
    await settle();
    assert.deepEqual(admitted, []);
    time.advance(2);
    await settle();
    assert.deepEqual(admitted, [1, 2]);
  });

  test('keeps the longer of two pauses', async (t) => {
    const time = fakeTime(t);
    const semaphore = new Semaphore(1);
    semaphore.pause(100);
    semaphore.pause(50);
    const { admitted, acquire } = recorder(semaphore);
    time.advance(60);
    await acquire(1);
    assert.deepEqual(admitted, []);
    time.advance(41);
    await settle();
    assert.deepEqual(admitted, [1]);
  });
});

describe('the semaphore for a single caller', () => {
  test('waits for a permit, and gets it when one is released or its limit is raised', async () => {
    for (const free of [
      (one: Semaphore) => one.release(),
      (one: Semaphore) => {
        one.limit = 2;
      },
    ]) {
      const semaphore = new Semaphore(1);
      await semaphore.acquire(signal);
      let acquired = false;
      const waiting = semaphore.acquire(signal).then(() => {
        acquired = true;
      });
      await settle();
      assert.equal(acquired, false);
      free(semaphore);
      await waiting;
    }
  });

  test('can be used after a waiter gave up', async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire(signal);
    const cancel = new AbortController();
    const canceled = assert.rejects(semaphore.acquire(cancel.signal), /enough/);
    cancel.abort(new Error('enough'));
    await canceled;
    semaphore.release();
    await semaphore.acquire(signal);
  });
});
