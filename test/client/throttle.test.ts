import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from '../../packages/client/src/node/throttle.ts';

/** A bucket on a clock that only its own waits move. */
function bucketOnFakeTime(bytesPerSecond: number) {
  const time = { at: 0, waits: [] as number[] };
  const bucket = new TokenBucket(bytesPerSecond, {
    now: () => time.at,
    async sleep(millis) {
      time.waits.push(millis);
    },
  });
  return { bucket, time };
}

test('a bandwidth limit gives out bytes at its rate, in the order in which transfers ask for them', async () => {
  const { bucket, time } = bucketOnFakeTime(1000);
  for (let count = 0; count < 5; count += 1) await bucket.take(200);
  assert.deepEqual(time.waits, [200, 400, 600, 800, 1000]);
  time.at = 500;
  await bucket.take(100);
  assert.equal(time.waits.at(-1), 600);
});

test('after a pause, only a tenth of a second is caught up on', async () => {
  const { bucket, time } = bucketOnFakeTime(1000);
  time.at = 60_000;
  await bucket.take(100);
  assert.deepEqual(time.waits, []);
  await bucket.take(100);
  assert.deepEqual(time.waits, [100]);
});

test('over any number of chunks, no more bytes pass than the rate and one burst allow', async () => {
  const { bucket, time } = bucketOnFakeTime(10_000);
  let bytes = 0;
  for (let count = 0; count < 1000; count += 1) {
    const chunk = 1 + ((count * 7919) % bucket.chunkBytes);
    await bucket.take(chunk);
    bytes += chunk;
    time.at += time.waits.pop() ?? 0;
    assert.ok(bytes <= 10 * time.at + 1000 + 1, `${bytes} bytes in ${time.at} ms`);
  }
  assert.ok(bytes >= 10 * time.at - 1000, `only ${bytes} bytes in ${time.at} ms`);
});

test('chunks are a tenth of a second long, so that slow limits do not leave connections idle', () => {
  assert.equal(new TokenBucket(10 * 1024).chunkBytes, 1024);
  assert.equal(new TokenBucket(1024 ** 3).chunkBytes, 1024 ** 2);
});
