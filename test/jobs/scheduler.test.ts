import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BackgroundJob, startJobs } from '../../packages/server/src/jobs/scheduler.ts';
import { throttle } from '../../packages/server/src/jobs/throttle.ts';
import { MACHINE_SOURCES } from '../../packages/server/src/time/clock.ts';

test('background jobs run in turn and repeatedly, a failing job does not stop the others, and an idle job reports nothing', async () => {
  const log: string[] = [];
  const twice = Promise.withResolvers<void>();
  const jobs: BackgroundJob[] = [
    { name: 'idle', run: async () => ({ found: 0 }) },
    {
      name: 'broken',
      run: async () => {
        throw new Error('no');
      },
    },
    {
      name: 'busy',
      run: async () => {
        if (log.filter((line) => line === 'busy').length === 1) twice.resolve();
        return { found: 1 };
      },
    },
  ];
  const stop = startJobs(jobs, {
    interval: 1,
    onDone: (name) => log.push(name),
    onError: (name) => log.push(`${name}!`),
  });
  await twice.promise;
  await stop();
  assert.deepEqual(log.slice(0, 4), ['broken!', 'busy', 'broken!', 'busy']);
});

test('a stop waits for the job in progress, and no other job starts', async () => {
  const started = Promise.withResolvers<void>();
  const resume = Promise.withResolvers<void>();
  const log: string[] = [];
  const slow: BackgroundJob = {
    name: 'slow',
    run: async () => {
      started.resolve();
      await resume.promise;
      log.push('slow');
      return {};
    },
  };
  const next: BackgroundJob = { name: 'next', run: async () => ({ ran: log.push('next') }) };
  const stop = startJobs([slow, next], { interval: 1, onDone: () => {}, onError: () => {} });
  await started.promise;
  const stopping = stop().then(() => log.push('stopped'));
  resume.resolve();
  await stopping;
  assert.deepEqual(log, ['slow', 'stopped']);
});

test('a throttled job is skipped until it is due, and retried immediately after a failure', async () => {
  const { signal } = new AbortController();
  let done = 0;
  let failing = true;
  const job = throttle(MACHINE_SOURCES, 20, {
    name: 'costly',
    async run() {
      if (failing) throw new Error('not yet');
      done += 1;
      return { done };
    },
  });
  await assert.rejects(job.run(signal), /not yet/);
  failing = false;
  assert.deepEqual(await job.run(signal), { done: 1 });
  // Due by the clock of this process, or by another condition.
  const never = throttle(
    MACHINE_SOURCES,
    0,
    { name: 'never', run: async () => assert.fail('it is not due') },
    () => false,
  );
  assert.deepEqual(await never.run(signal), {});
  while (done < 2) {
    const counts = await job.run(signal);
    assert.deepEqual(counts, done === 1 ? {} : { done: 2 });
    await new Promise(setImmediate);
  }
});

test('a stop aborts a waiting job, which is not reported as an error', async () => {
  const started = Promise.withResolvers<void>();
  const log: string[] = [];
  const waits: BackgroundJob = {
    name: 'waits',
    async run(signal) {
      started.resolve();
      await sleep(60_000, undefined, { signal });
      return {};
    },
  };
  const stop = startJobs([waits], { interval: 1, onDone: () => {}, onError: (name) => log.push(name) });
  await started.promise;
  await stop();
  assert.deepEqual(log, []);
});
