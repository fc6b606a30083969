import { type RawBuilder, sql } from 'kysely';

/**
 * The sum of a column, exact up to 2^53: SQLite fails where a sum of integers passes 2^63, whatever row is to blame. What it
 * gives is for `asSafeNumber`; 0 for no rows.
 */
export function sumOf(column: string): RawBuilder<number> {
  return sql<number>`coalesce(sum(cast(${sql.ref(column)} as double precision)), 0)`;
}
