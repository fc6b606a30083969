import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeyedQueue, SerialQueue } from '../../packages/server/src/util/keyed-queue.ts';

const task = fc.record({ key: fc.integer({ min: 0, max: 3 }), fails: fc.boolean() });

test('tasks of one key run one at a time and in order, whatever fails, and each caller gets its own result', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(task), fc.scheduler(), async (tasks, scheduler) => {
      const queue = new KeyedQueue<number>();
      const running = new Set<number>();
      const started = new Map<number, number[]>();
      const results = tasks.map(({ key, fails }, index) =>
        queue.run(key, async () => {
          assert.ok(!running.has(key), 'two tasks of one key run at once');
          running.add(key);
          started.set(key, [...(started.get(key) ?? []), index]);
          await scheduler.schedule(Promise.resolve());
          running.delete(key);
          if (fails) throw new Error(`task ${index}`);
          return index;
        }),
      );
      const settled = Promise.allSettled(results);
      await scheduler.waitFor(settled);
      for (const [index, result] of (await settled).entries()) {
        if (tasks[index]?.fails) assert.equal((result as PromiseRejectedResult).reason.message, `task ${index}`);
        else assert.equal((result as PromiseFulfilledResult<number>).value, index);
      }
      for (const [key, order] of started) {
        assert.deepEqual(
          order,
          [...tasks.keys()].filter((index) => tasks[index]?.key === key),
        );
      }
    }),
  );
});

test('tasks of different keys all run at once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 20 }), async (keys) => {
      const queue = new KeyedQueue<number>();
      const { promise: allRun, resolve } = Promise.withResolvers<void>();
      let running = 0;
      await Promise.all(
        keys.map((key) =>
          queue.run(key, () => {
            running += 1;
            if (running === keys.length) resolve();
            return allRun;
          }),
        ),
      );
    }),
  );
});

test('a task that throws before its first promise fails like any other', async () => {
  const queue = new KeyedQueue<string>();
  const failed = queue.run('a', () => {
    throw new Error('at once');
  });
  const next = queue.run('a', async () => 'next');
  await assert.rejects(failed, /at once/);
  assert.equal(await next, 'next');
});

test('a serial queue runs all tasks one at a time, in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean()), fc.scheduler(), async (failures, scheduler) => {
      const queue = new SerialQueue();
      const events: string[] = [];
      const settled = Promise.allSettled(
        failures.map((fails, index) =>
          queue.run(async () => {
            events.push(`start ${index}`);
            await scheduler.schedule(Promise.resolve());
            events.push(`end ${index}`);
            if (fails) throw new Error('failed');
          }),
        ),
      );
      await scheduler.waitFor(settled);
      assert.deepEqual(
        events,
        failures.flatMap((_, index) => [`start ${index}`, `end ${index}`]),
      );
    }),
  );
});
