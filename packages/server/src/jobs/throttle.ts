import type { Millis } from '@partway/protocol/ids';
import type { Clock } from '../time/clock.ts';
import type { BackgroundJob } from './scheduler.ts';

/**
 * Returns a job that skips its run if the last one started less than `interval` ago. A failed run is retried at the next
 * call. `claimRun` returns true if a run is due, and records that it starts now; by default, it uses this process's clock.
 */
export function throttle(
  clock: Pick<Clock, 'monotonic'>,
  interval: Millis,
  { name, run }: BackgroundJob,
  claimRun: () => boolean | Promise<boolean> = claimRunByClock(clock, interval),
): BackgroundJob {
  let hasFailed = false;
  return {
    name,
    async run(signal) {
      if (!hasFailed && !(await claimRun())) return {};
      hasFailed = true;
      const counts = await run(signal);
      hasFailed = false;
      return counts;
    },
  };
}

function claimRunByClock(clock: Pick<Clock, 'monotonic'>, interval: Millis): () => boolean {
  let dueAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.monotonic();
    if (now < dueAt) return false;
    dueAt = now + interval;
    return true;
  };
}
