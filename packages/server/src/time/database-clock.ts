import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { findLatestTime, queryDatabaseTime, saveTime } from '../database/time.ts';
import type { BackgroundJob } from '../jobs/scheduler.ts';
import { throttle } from '../jobs/throttle.ts';
import type { GuardedClock } from './clock.ts';

const POLL_INTERVAL: Millis = 10_000;
/** A query that took longer is not an accurate reading of the time. */
const MAX_LATENCY: Millis = 1_000;
const SAVE_INTERVAL: Millis = 60_000;

/**
 * Makes `clock` follow the clock of a PostgreSQL database, so that nodes with different clocks agree on what has expired.
 * Resolves after the first reading, and rejects if that fails. Then reads the time regularly.
 * @returns A function that stops this.
 */
export async function followDatabase(clock: GuardedClock, db: Kysely<Tables>): Promise<() => Promise<void>> {
  clock.follow((await queryDatabaseTime(db)).time);
  const stopping = new AbortController();
  const polling = (async () => {
    for (;;) {
      await sleep(POLL_INTERVAL, undefined, { signal: stopping.signal, ref: false });
      // Requests report an unreachable database; the clock continues from the last reading.
      const reading = await queryDatabaseTime(db).catch(() => undefined);
      if (reading !== undefined && reading.tookMillis < MAX_LATENCY) clock.follow(reading.time);
    }
  })().catch(() => {});
  return async () => {
    stopping.abort();
    await polling;
  };
}

/** Compares the clock with the newest time in the database. Call it before anything expires. */
export async function compareWithRows(clock: GuardedClock, db: Kysely<Tables>): Promise<void> {
  const newest = await findLatestTime(db);
  if (newest !== undefined) clock.startFrom(newest);
}

/** A job that saves the trusted time, with which the next start compares its clock. */
export function createSaveTimeJob(clock: GuardedClock, db: Kysely<Tables>): BackgroundJob {
  return throttle(clock, SAVE_INTERVAL, {
    name: 'save the time',
    async run() {
      await saveTime(db, clock.trustedTime());
      return {};
    },
  });
}
