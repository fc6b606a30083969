import type { Millis } from '@partway/protocol/ids';
import type { Clock } from '../time/clock.ts';
import type { BackgroundJob } from './scheduler.ts';

/**
 * The same chore, passed over as long as it was last begun less than `interval` ago; what failed is done again at the
 * next turn. `claimRun` says whether it is time, and that it begins now: by this process's clock, unless given.
 */
export function throttle(
  clock: Pick<Clock, 'monotonic'>,
  interval: Millis,
  { name, run }: BackgroundJob,
  isDue: () => boolean | Promise<boolean> = dueHere(clock, interval),
): BackgroundJob {
  let owed = false;
  return {
    name,
    async run(signal) {
      if (!owed && !(await isDue())) return {};
      owed = true;
      const counts = await run(signal);
      owed = false;
      return counts;
    },
  };
}

function dueHere(clock: Pick<Clock, 'monotonic'>, interval: Millis): () => boolean {
  let due = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.monotonic();
    if (now < due) return false;
    due = now + interval;
    return true;
  };
}
