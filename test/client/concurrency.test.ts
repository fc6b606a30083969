import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConcurrencyController } from '../../packages/client/src/upload/concurrency.ts';

const START = 10_000;

/** A controller with a clock, and what it decides after parts are stored. */
function open({ max = 8 } = {}) {
  let now = START;
  const controller = new ConcurrencyController(max, now);

  /** Lets this many parts be stored at the same moment, `millis` after the last ones. */
  function store(parts: number, millis: number, bytes = 1_000): number {
    now += millis;
    for (let part = 0; part < parts; part += 1) controller.recordStored(bytes, now);
    return controller.limit;
  }
  return {
    controller,
    store,
    /** A whole window, at this many bytes per millisecond. */
    window: (rate: number, millis = 1_000) => {
      const parts = 2 * controller.limit;
      return store(parts, millis, (rate * millis) / parts);
    },
    fail: (millis: number) => {
      now += millis;
      controller.recordFailure(now);
      return controller.limit;
    },
  };
}

test('an upload starts with four concurrent requests, or fewer if that is the maximum', () => {
  assert.equal(open().controller.limit, 4);
  assert.equal(open({ max: 3 }).controller.limit, 3);
});

test('two requests are added when twice as many parts as requests are stored', () => {
  const { store } = open();
  assert.equal(store(7, 1_000), 4);
  assert.equal(store(1, 0), 6);
  assert.equal(store(11, 1_000), 6);
  assert.equal(store(1, 0), 8);
});

test('requests are added after 0.3 seconds at the earliest', () => {
  const { store } = open();
  assert.equal(store(8, 299), 4);
  assert.equal(store(1, 1), 6);
  assert.equal(store(12, 299), 6);
  assert.equal(store(1, 1), 8);
});

test('requests are also added on a connection that takes seconds for each kilobyte', () => {
  assert.equal(open().window(0.5), 6);
});

test('more requests stay if they are five percent faster, and go if they are any slower than that', () => {
  const faster = open();
  faster.store(8, 1_000, 12_500);
  assert.equal(faster.store(12, 2_000, 17_500), 8);

  const slower = open();
  slower.store(8, 1_000, 12_500);
  slower.store(11, 0, 17_500);
  assert.equal(slower.store(1, 2_000, 17_499), 4);
});

test('after more requests had no effect, one more is tried every twenty windows', () => {
  const { window } = open();
  window(100);
  assert.equal(window(100), 4);
  for (let round = 0; round < 2; round += 1) {
    for (let waited = 1; waited < 20; waited += 1) assert.equal(window(100), 4);
    assert.equal(window(100), 5);
    assert.equal(window(100), 4);
  }
});

test('a single added request that helps is followed by another one', () => {
  const { window } = open();
  window(100);
  window(100);
  for (let waited = 1; waited <= 20; waited += 1) window(100);
  assert.equal(window(200), 6);
  assert.equal(window(200), 5);
});

test('the maximum is kept while the connection becomes slower', () => {
  const { window } = open({ max: 5 });
  assert.equal(window(100), 5);
  assert.equal(window(200), 5);
  assert.equal(window(10), 5);
  assert.equal(window(5), 5);
});

test('after a failure half of the requests remain, and one is added three windows later', () => {
  const { store, window, fail } = open();
  store(7, 1_000);
  assert.equal(fail(1), 2);
  assert.equal(store(3, 1_000), 2);
  assert.equal(store(1, 0), 2);
  assert.equal(window(100), 2);
  assert.equal(store(3, 1_000), 2);
  assert.equal(store(1, 0), 3);
});

test('failures within a second count once', () => {
  const { fail } = open();
  assert.equal(fail(0), 2);
  assert.equal(fail(999), 2);
  assert.equal(fail(1), 1);
  assert.equal(fail(5_000), 1);
});
