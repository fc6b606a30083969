import type { Millis } from '@partway/protocol/ids';
import type { Clock } from '../time/clock.ts';
import type { Chore } from './scheduler.ts';

/**
 * The same chore, passed over as long as it was last begun less than `interval` ago; what failed is done again at the
 * next turn. `isDue` says whether it is time, and that it begins now: by this process's clock, unless given.
 */
export function atMostEvery(
  clock: Pick<Clock, 'monotonic'>,
  interval: Millis,
  { name, run }: Chore,
  isDue: () => boolean | Promise<boolean> = dueHere(clock, interval),
): Chore {
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
