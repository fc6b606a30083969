import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { resolveAddresses } from '../../packages/client/src/addresses.ts';
import { ByteReader } from '../../packages/client/src/byte-reader.ts';
import { ApiError, parseRetryAfter } from '../../packages/client/src/errors.ts';
import { retryDelay } from '../../packages/client/src/retry.ts';
import { ConcurrencyController } from '../../packages/client/src/upload/concurrency.ts';
import { Semaphore } from '../../packages/client/src/upload/semaphore.ts';

describe('number of parallel requests', () => {
  /** Simulates storing parts at `rate` for each limit (parts per second), and returns the limits over time. */
  function simulate(
    control: ConcurrencyController,
    rate: (limit: number) => number,
    seconds: number,
    from = 0,
  ): number[] {
    const limits = [];
    for (let now = from; now < from + seconds * 1000; ) {
      now += 1000 / rate(control.limit);
      control.recordStored(1_000_000, now);
      limits.push(control.limit);
    }
    return limits;
  }

  test('grows while each additional request increases the rate', () => {
    assert.equal(simulate(new ConcurrencyController(8, 0), (limit) => 10 * limit, 60).at(-1), 8);
  });

  test('stays the same if an additional request does not increase the rate, and probes occasionally', () => {
    const limits = simulate(new ConcurrencyController(8, 0), (limit) => 10 * Math.min(limit, 4), 120).slice(100);
    assert.deepEqual([...new Set(limits)].sort(), [4, 5]);
    assert.ok(limits.filter((limit) => limit === 4).length > 0.7 * limits.length);
  });

  test('never exceeds the maximum', () => {
    for (const most of [1, 2])
      assert.ok(simulate(new ConcurrencyController(most, 0), (limit) => limit, 60).every((l) => l <= most));
  });

  test('is halved once for all requests that fail together, and recovers', () => {
    const control = new ConcurrencyController(8, 0);
    simulate(control, (limit) => 10 * limit, 60);
    for (let failed = 0; failed < 8; failed += 1) control.recordFailure(60_000 + failed);
    assert.equal(control.limit, 4);
    control.recordFailure(62_000);
    control.recordFailure(64_000);
    control.recordFailure(66_000);
    assert.equal(control.limit, 1);
    assert.equal(simulate(control, (limit) => 10 * limit, 60, 66_000).at(-1), 8);
  });
});

describe('priority of requests', () => {
  const { signal } = new AbortController();

  test('the semaphore admits the smallest offset first, up to its limit', async () => {
    const semaphore = new Semaphore(1);
    const entered: number[] = [];
    await semaphore.acquire(signal, { order: 0 });
    const waiting = [5, 3, 9, 1].map((order) => semaphore.acquire(signal, { order }).then(() => entered.push(order)));
    semaphore.limit = 2;
    await Promise.resolve();
    for (let left = 0; left < 4; left += 1) {
      semaphore.release();
      await new Promise(setImmediate);
    }
    await Promise.all(waiting);
    assert.deepEqual(entered, [1, 3, 5, 9]);
  });

  test('a canceled waiter does not block others', async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire(signal, { order: 0 });
    const cancel = new AbortController();
    const first = semaphore.acquire(cancel.signal, { order: 1 });
    const second = semaphore.acquire(signal, { order: 2 });
    cancel.abort(new Error('enough'));
    await assert.rejects(first, /enough/);
    await assert.rejects(semaphore.acquire(AbortSignal.abort(new Error('before')), { order: 3 }), /before/);
    semaphore.release();
    await second;
  });

  test('a paused semaphore reopens by itself', async () => {
    const semaphore = new Semaphore(2);
    semaphore.pause(30);
    const begun = performance.now();
    await semaphore.acquire(signal, { order: 1 });
    assert.ok(performance.now() - begun >= 29);
  });

  test('never admits more than the limit, even after the limit decreases', async () => {
    const semaphore = new Semaphore(2);
    await semaphore.acquire(signal);
    await semaphore.acquire(signal);
    let seated = false;
    const third = semaphore.acquire(signal).then(() => {
      seated = true;
    });
    semaphore.limit = 1;
    semaphore.release();
    await new Promise(setImmediate);
    assert.equal(seated, false);
    semaphore.release();
    await third;
    await assert.rejects(semaphore.acquire(AbortSignal.timeout(1)), { name: 'TimeoutError' });
  });
});

describe('retry delays', () => {
  const errorResponse = (retryAfterMillis?: number) =>
    new ApiError({ message: '', status: 503, code: 'unavailable', call: '', retryAfterMillis });

  test('the delay doubles up to a limit, half of it random', () => {
    assert.deepEqual(
      [1, 2, 3, 10].map((attempt) => retryDelay(attempt, undefined, () => 1)),
      [400, 800, 1600, 20_000],
    );
    assert.equal(
      retryDelay(3, errorResponse(), () => 0),
      800,
    );
  });

  test('the delay is never shorter than the server asks for', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.integer({ min: 1, max: 50 }), (asked, attempt) => {
        assert.ok(retryDelay(attempt, errorResponse(asked)) >= asked);
      }),
    );
  });

  test('Retry-After is parsed as seconds and as a date', () => {
    const at = (value: string) => ({ header: () => value });
    const now = Date.parse('2026-01-01T00:00:00Z');
    assert.equal(parseRetryAfter(at('7'), now), 7000);
    assert.equal(parseRetryAfter(at('Thu, 01 Jan 2026 00:00:09 GMT'), now), 9000);
    assert.equal(parseRetryAfter(at('Thu, 01 Jan 2020 00:00:00 GMT'), now), 0);
    assert.equal(parseRetryAfter(at('soon'), now), undefined);
    assert.equal(parseRetryAfter({ header: () => undefined }), undefined);
  });
});

describe('base URLs and streams', () => {
  test('the addresses of Partway and Box are resolved, and each can be set separately', () => {
    const here = 'https://files.example.com';
    assert.deepEqual(resolveAddresses(`${here}/`), {
      api: here,
      upload: `${here}/api`,
      oauth2: `${here}/oauth2`,
      authorize: `${here}/oauth2/authorize`,
    });
    assert.equal(resolveAddresses(`${here}/prefix/2.0`).upload, `${here}/prefix/api`);
    assert.equal(resolveAddresses('https://api.box.com').upload, 'https://upload.box.com/api');
    assert.equal(resolveAddresses({ api: here, upload: 'http://upload:1/' }).upload, 'http://upload:1');
    assert.throws(() => resolveAddresses({ upload: here }), /api/);
    assert.throws(() => resolveAddresses('ftp://x'), /must begin with http/);
    assert.throws(
      () => resolveAddresses('https://user:secret@x'),
      (error: Error) => !error.message.includes('secret'),
    );
  });

  test('a byte reader returns a stream in any requested sizes', async () => {
    const pieces = fc.array(fc.nat(9), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(pieces, pieces, async (chunks, wanted) => {
        const total = chunks.reduce((sum, size) => sum + size, 0);
        const bytes = Uint8Array.from({ length: total }, (_, index) => index);
        async function* stream() {
          let at = 0;
          for (const size of chunks) {
            yield bytes.subarray(at, at + size);
            at += size;
          }
        }
        const feed = new ByteReader(stream(), 'The stream');
        let got = 0;
        for (const size of wanted) {
          const target = new Uint8Array(size);
          if (got + size > total) return assert.rejects(feed.fill(target), /ended after/);
          await feed.fill(target);
          assert.deepEqual(target, bytes.subarray(got, got + size));
          got += size;
        }
        if (got < total) await assert.rejects(feed.assertEnd(), /more bytes/);
        else await feed.assertEnd();
      }),
    );
  });
});
