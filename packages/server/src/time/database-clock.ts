import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { askDatabaseTime, newestTime, saveTime } from '../database/time.ts';
import type { BackgroundJob } from '../jobs/scheduler.ts';
import { throttle } from '../jobs/throttle.ts';
import type { GuardedClock } from './clock.ts';

const ASK_EVERY: Millis = 10_000;
/** An answer that took longer says too little of the time. */
const SLOW: Millis = 1_000;
const SAVE_EVERY: Millis = 60_000;

/**
 * Makes `clock` follow the clock of a PostgreSQL database, so that nodes whose own clocks differ agree on what has
 * expired. Resolves after the first answer; keeps asking until it is stopped. Rejects if the first answer does not come.
 */
export async function followDatabase(clock: GuardedClock, db: Kysely<Tables>): Promise<() => Promise<void>> {
  const ask = async () => {
    const { time, tookMillis } = await askDatabaseTime(db);
    return { time, isClear: tookMillis < SLOW };
  };
  clock.follow((await ask()).time);
  const stopping = new AbortController();
  const asking = (async () => {
    for (;;) {
      await sleep(ASK_EVERY, undefined, { signal: stopping.signal, ref: false });
      // A database that is away says so to whoever needs it; the last answer counts until then.
      const answer = await ask().catch(() => undefined);
      if (answer?.isClear) clock.follow(answer.time);
    }
  })().catch(() => {});
  return async () => {
    stopping.abort();
    await asking;
  };
}

/** Compares the clock with the newest time in the database, before anything expires by it. */
export async function compareWithRows(clock: GuardedClock, db: Kysely<Tables>): Promise<void> {
  const newest = await newestTime(db);
  if (newest !== undefined) clock.startFrom(newest);
}

/** Writes down how late it is now and then, for the next start to compare. */
export function saveTimeChore(clock: GuardedClock, db: Kysely<Tables>): BackgroundJob {
  return throttle(clock, SAVE_EVERY, {
    name: 'save the time',
    async run() {
      await saveTime(db, clock.trustedTime());
      return {};
    },
  });
}
