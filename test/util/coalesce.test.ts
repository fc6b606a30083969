import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { coalesce } from '../../packages/server/src/util/coalesce.ts';

/** Steps of a scenario: a caller comes, or the current run ends. */
const steps = fc.array(fc.constantFrom('call', 'call', 'end', 'fail'), { maxLength: 40 });

test('calls share runs, which never overlap, and each call settles like a run that started after it', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const current: { settle?: (error?: Error) => void } = {};
      let started = 0;
      const outcomes = new Map<number, Error | undefined>();
      const shared = coalesce(async () => {
        assert.equal(current.settle, undefined, 'two runs overlap');
        const run = ++started;
        const error = await new Promise<Error | undefined>((resolve) => {
          current.settle = resolve;
        });
        delete current.settle;
        outcomes.set(run, error);
        if (error) throw error;
      });
      const settled: Promise<void>[] = [];
      let waiting = 0;
      const call = () => {
        const before = started;
        // The first of the callers that wait starts a run, at once or after the current one; the rest share it.
        const expected = before + 1;
        waiting += 1;
        const check = (error?: Error) => {
          waiting -= 1;
          assert.ok(outcomes.has(expected), 'settled before its run');
          assert.equal(error, outcomes.get(expected));
        };
        settled.push(shared().then(() => check(), check));
        assert.ok(started === before || started === expected);
      };
      const end = async (error?: Error) => {
        current.settle?.(error);
        await new Promise((resolve) => setImmediate(resolve));
      };
      for (const step of steps) {
        if (step === 'call') call();
        else await end(step === 'fail' ? new Error('the run failed') : undefined);
      }
      while (waiting > 0) await end();
      await Promise.all(settled);
      assert.ok(started <= settled.length);
      assert.equal(outcomes.size, started);
    }),
  );
});

test('a thousand calls during a run share one more', async () => {
  let runs = 0;
  const shared = coalesce(async () => {
    runs += 1;
    await new Promise((resolve) => setImmediate(resolve));
  });
  await Promise.all(Array.from({ length: 1_001 }, shared));
  assert.equal(runs, 2);
});
