import type { Millis } from '@partway/protocol/ids';
import { type RawBuilder, sql } from 'kysely';

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
