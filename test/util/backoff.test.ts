import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoff, exponentialDelay } from '../../packages/protocol/src/backoff.ts';

const limits = fc
  .record({ first: fc.integer({ min: 1, max: 10_000 }), factor: fc.integer({ min: 1, max: 1_000 }) })
  .map(({ first, factor }) => ({ first, max: first * factor }));
const attempt = fc.integer({ min: 1, max: 2_000 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('a delay is the first one after the first attempt, then doubles until it is the longest one', () => {
  fc.assert(
    fc.property(limits, attempt, (limits, attempt) => {
      const delay = exponentialDelay(attempt, limits);
      const next = exponentialDelay(attempt + 1, limits);
      assert.ok(delay >= limits.first && delay <= limits.max);
      assert.equal(exponentialDelay(1, limits), limits.first);
      assert.equal(next, Math.min(2 * delay, limits.max));
    }),
  );
});

test('the delay before a retry is between half of the delay and all of it, as chance has it', () => {
  fc.assert(
    fc.property(limits, attempt, random, random, (limits, attempt, one, other) => {
      const delay = exponentialDelay(attempt, limits);
      const [low = 0, high = 0] = [one, other].sort((a, b) => a - b).map((by) => backoff(attempt, limits, () => by));
      assert.ok(low <= high);
      assert.ok(low >= delay / 2 && high <= delay);
      assert.equal(
        backoff(attempt, limits, () => 0),
        delay / 2,
      );
    }),
  );
});

test('the delay of each retry is random by itself', () => {
  const delays = Array.from({ length: 100 }, () => backoff(3, { first: 100, max: 1_000 }));
  assert.ok(new Set(delays).size > 50);
  assert.ok(delays.every((delay) => delay >= 200 && delay <= 400));
});
