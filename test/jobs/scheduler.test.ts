import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BackgroundJob, startJobs } from '../../packages/server/src/jobs/scheduler.ts';
import { throttle } from '../../packages/server/src/jobs/throttle.ts';
import { MACHINE_SOURCES } from '../../packages/server/src/time/clock.ts';

test('chores are done in turn and again; one that fails holds up none, and what found nothing says nothing', async () => {
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

test('a stop waits for the chore under way, and no other begins', async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const log: string[] = [];
  const slow: BackgroundJob = {
    name: 'slow',
    run: async () => {
      begun.resolve();
      await goOn.promise;
      log.push('slow');
      return {};
    },
  };
  const next: BackgroundJob = { name: 'next', run: async () => ({ ran: log.push('next') }) };
  const stop = startJobs([slow, next], { interval: 1, onDone: () => {}, onError: () => {} });
  await begun.promise;
  const stopping = stop().then(() => log.push('stopped'));
  goOn.resolve();
  await stopping;
  assert.deepEqual(log, ['slow', 'stopped']);
});

test('a chore that costs is passed over until its time has come, and is done again at once where it failed', async () => {
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
  // By the clock of this process, or whatever else says that it is time.
  const never = throttle(
    MACHINE_SOURCES,
    0,
    { name: 'never', run: async () => assert.fail('its time has not come') },
    () => false,
  );
  assert.deepEqual(await never.run(signal), {});
  while (done < 2) {
    const counts = await job.run(signal);
    assert.deepEqual(counts, done === 1 ? {} : { done: 2 });
    await new Promise(setImmediate);
  }
});

test('a chore that waits is told of the stop, and that it ends by it is no trouble', async () => {
  const begun = Promise.withResolvers<void>();
  const log: string[] = [];
  const waits: BackgroundJob = {
    name: 'waits',
    async run(signal) {
      begun.resolve();
      await sleep(60_000, undefined, { signal });
      return {};
    },
  };
  const stop = startJobs([waits], { interval: 1, onDone: () => {}, onError: (name) => log.push(name) });
  await begun.promise;
  await stop();
  assert.deepEqual(log, []);
});
