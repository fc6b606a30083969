import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mock, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { withTimeout } from '../../packages/server/src/util/timeout.ts';

const TIMEOUT = new URL('../../packages/server/src/util/timeout.ts', import.meta.url);

/** Replaces the timers of this process with ones that `tick` advances, and keeps a set of those that are running. */
function countedTimers() {
  mock.timers.enable({ apis: ['setTimeout'] });
  const timers = new Set<unknown>();
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const counted = (run: () => void, millis: number) => {
    const timer = set(() => {
      timers.delete(timer);
      run();
    }, millis);
    timers.add(timer);
    return timer;
  };
  Object.assign(globalThis, {
    setTimeout: counted,
    clearTimeout(timer: NodeJS.Timeout) {
      timers.delete(timer);
      clear(timer);
    },
  });
  return {
    timers,
    tick: (millis: number) => mock.timers.tick(millis),
    [Symbol.dispose]() {
      Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
      mock.timers.reset();
    },
  };
}

const outcome = fc.record({
  /** When the work is over; undefined if it never is. */
  after: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
  fails: fc.boolean(),
  timeout: fc.integer({ min: 1, max: 100 }),
  rejects: fc.boolean(),
});

test('what is over in time decides, otherwise the timeout does, and no timer is left', async () => {
  await fc.assert(
    fc.asyncProperty(outcome, async ({ after, fails, timeout, rejects }) => {
      using clock = countedTimers();
      const { promise: work, resolve, reject } = Promise.withResolvers<string>();
      const result = withTimeout(work, timeout, () => {
        if (rejects) throw new Error('late');
        return 'late';
      }).catch((error: Error) => `rejected: ${error.message}`);
      const finish = () => (fails ? reject(new Error('done')) : resolve('done'));
      assert.equal(clock.timers.size, 1);
      const isInTime = after !== undefined && after < timeout;
      if (isInTime) {
        clock.tick(after);
        finish();
      } else {
        clock.tick(timeout);
        await Promise.resolve();
        finish();
      }
      const [says, hasFailed] = isInTime ? ['done', fails] : ['late', rejects];
      assert.equal(await result, hasFailed ? `rejected: ${says}` : says);
      assert.equal(clock.timers.size, 0);
    }),
  );
});

test('a promise that is settled already needs no time', async () => {
  assert.equal(await withTimeout(Promise.resolve('done'), 0, () => 'late'), 'done');
  await assert.rejects(
    withTimeout(Promise.reject(new Error('failed')), 0, () => 'late'),
    /failed/,
  );
});

test('an error that comes after the timeout is nobody’s unhandled rejection', async () => {
  const { promise: work, reject } = Promise.withResolvers<never>();
  assert.equal(await withTimeout(work, 1, () => 'late'), 'late');
  reject(new Error('too late'));
  await new Promise(setImmediate);
});

test('the timer does not keep a process running', () => {
  const script = `
    const { withTimeout } = await import(${JSON.stringify(TIMEOUT.href)});
    void withTimeout(new Promise(() => {}), 60_000, () => {});
  `;
  const { status, signal } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    timeout: 30_000,
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  assert.deepEqual([status, signal], [0, null]);
});
