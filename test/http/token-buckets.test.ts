import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBuckets } from '../../packages/server/src/http/hooks/rate-limiter.ts';

test('a full bucket can be emptied at once, and refills evenly', () => {
  const buckets = new TokenBuckets<string>(6);
  const take = (now: number) => buckets.take('key', now);

  assert.deepEqual(
    Array.from({ length: 6 }, () => take(0)),
    [0, 0, 0, 0, 0, 0],
  );
  assert.equal(take(0), 10_000);
  assert.equal(take(4_000), 6_000);
  assert.equal(take(10_000), 0);
  assert.equal(take(10_000), 10_000);
});

test('one key does not use up the tokens of another', () => {
  const buckets = new TokenBuckets<string>(1);
  assert.equal(buckets.take('one', 0), 0);
  assert.ok(buckets.take('one', 0) > 0);
  assert.equal(buckets.take('other', 0), 0);
});

test('a client that waits as long as it was told gets a token, and the rate is never exceeded', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.array(fc.integer({ min: 0, max: 5_000 })), (rate, gaps) => {
      const buckets = new TokenBuckets<string>(rate);
      let now = 0;
      let granted = 0;
      for (const gap of gaps) {
        now += gap;
        const wait = buckets.take('key', now);
        granted += wait === 0 ? 1 : 0;
        assert.ok(granted <= rate + (now * rate) / 60_000 + 1e-6);
        if (wait === 0) continue;
        now += Math.ceil(wait) + 1;
        assert.equal(buckets.take('key', now), 0);
        granted += 1;
      }
    }),
  );
});

test('memory is limited by the keys of the last minute, and by their number', () => {
  const buckets = new TokenBuckets<number>(10, { maxKeys: 100 });
  for (let key = 0; key < 1000; key++) buckets.take(key, 0);
  assert.equal(buckets.size, 100);
  for (let key = 0; key < 50; key++) buckets.take(key, 60_000);
  assert.equal(buckets.size, 50);
});
