import type { Millis } from '@partway/protocol/ids';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Tables } from './schema.ts';

/** A time in a statement: a value from a clock of this process, or the database's time when the statement runs. */
export type Instant = Millis | RawBuilder<Millis>;

/** The current time of the database, for decisions shared by nodes, whose own clocks can differ. PostgreSQL only. */
export const DATABASE_NOW: Instant = sql<Millis>`(extract(epoch from clock_timestamp()) * 1000)::bigint`;

/** Adds milliseconds to a time, in a statement. They can be negative. */
export function addMillis(instant: Instant, millis: Millis): RawBuilder<Millis> {
  return sql<Millis>`(cast(${instant} as bigint) + cast(${millis} as bigint))`;
}

const LAST_SEEN_TIME = 'last-seen-time';

/**
 * Finds the latest time in the database: that of the last `saveTime`, or otherwise of the newest upload session. A starting
 * server compares its wall clock with it. Returns undefined if there is none.
 */
export async function findLatestTime(db: Kysely<Tables>): Promise<Millis | undefined> {
  const saved = await db.selectFrom('metadata').select('value').where('name', '=', LAST_SEEN_TIME).executeTakeFirst();
  if (saved !== undefined) return Number(saved.value);
  const { newest } = await db
    .selectFrom('upload_sessions')
    .select(({ fn }) => fn.max('created_at').as('newest'))
    .executeTakeFirstOrThrow();
  return newest === null ? undefined : Number(newest);
}

/** Stores the current time for the next start. */
export async function saveTime(db: Kysely<Tables>, time: Millis): Promise<void> {
  await db
    .insertInto('metadata')
    .values({ name: LAST_SEEN_TIME, value: String(time) })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: String(time) }))
    .execute();
}

/** Queries the database's clock. The time is adjusted by half of the query's duration. PostgreSQL only. */
export async function queryDatabaseTime(db: Kysely<Tables>): Promise<{ time: Millis; tookMillis: Millis }> {
  const startedAt = performance.now();
  const { rows } = await sql<{ now: number | string }>`
    select (extract(epoch from clock_timestamp()) * 1000)::bigint as now`.execute(db);
  const tookMillis = performance.now() - startedAt;
  return { time: Number(rows[0]?.now) + tookMillis / 2, tookMillis };
}
