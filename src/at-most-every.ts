import type { Millis } from './api/ids.ts';
import type { Chore } from './chores.ts';

/** The same chore, passed over as long as it was last done less than `interval` ago. */
export function atMostEvery(interval: Millis, { name, run }: Chore): Chore {
  let due = Number.NEGATIVE_INFINITY;
  return {
    name,
    async run() {
      if (performance.now() < due) return {};
      const counts = await run();
      due = performance.now() + interval;
      return counts;
    },
  };
}
