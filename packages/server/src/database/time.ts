import type { Millis } from '@partway/protocol/ids';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Tables } from './schema.ts';

/** A moment as statements take it: read from a clock of this process, or from the database's when the statement runs. */
export type Instant = Millis | RawBuilder<Millis>;

/**
 * The present by the database's clock, for what nodes decide together: their own clocks may differ by minutes.
 * PostgreSQL's alone.
 */
export const DATABASE_NOW: Instant = sql<Millis>`(extract(epoch from clock_timestamp()) * 1000)::bigint`;

/** A moment that lies `by` milliseconds after another, or before it where that is negative; as a value of a statement. */
export function shifted(instant: Instant, by: Millis): RawBuilder<Millis> {
  return sql<Millis>`(cast(${instant} as bigint) + cast(${by} as bigint))`;
}

const FACT = 'last-seen-time';

/**
 * The newest time that the database knows: that of the last `saveTime`, or else of the newest upload session. A start
 * compares the wall clock with it. Undefined in a database that knows none.
 */
export async function newestTime(db: Kysely<Tables>): Promise<Millis | undefined> {
  const saved = await db.selectFrom('metadata').select('value').where('name', '=', FACT).executeTakeFirst();
  if (saved !== undefined) return Number(saved.value);
  const { newest } = await db
    .selectFrom('upload_sessions')
    .select(({ fn }) => fn.max('created_at').as('newest'))
    .executeTakeFirstOrThrow();
  return newest === null ? undefined : Number(newest);
}

/** Writes down how late it is, for the next start. */
export async function saveTime(db: Kysely<Tables>, time: Millis): Promise<void> {
  await db
    .insertInto('metadata')
    .values({ name: FACT, value: String(time) })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: String(time) }))
    .execute();
}

/** The time by the database's clock, taken for the middle of the call. PostgreSQL's alone. */
export async function askDatabaseTime(db: Kysely<Tables>): Promise<{ time: Millis; tookMillis: Millis }> {
  const asked = performance.now();
  const { rows } = await sql<{ now: number | string }>`
    select (extract(epoch from clock_timestamp()) * 1000)::bigint as now`.execute(db);
  const tookMillis = performance.now() - asked;
  return { time: Number(rows[0]?.now) + tookMillis / 2, tookMillis };
}
