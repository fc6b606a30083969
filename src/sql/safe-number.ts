import { type RawBuilder, sql } from 'kysely';

/**
 * A number of the database as JavaScript's. Ids and sums of bytes stay within ±(2^53 - 1); one beyond that comes as that
 * bound, so that a single row, however it came about, stops neither a list nor a start nor what would repair it. As a
 * number of bytes it is still more than any quota or disk.
 */
export function asSafeNumber(value: bigint | number): number {
  const number = Number(value);
  if (number > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (number < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER;
  return number;
}

/**
 * The sum of a column, exact up to 2^53: SQLite fails where a sum of integers passes 2^63, whatever row is to blame. What it
 * gives is for `asSafeNumber`; 0 for no rows.
 */
export function sumOf(column: string): RawBuilder<number> {
  return sql<number>`coalesce(sum(cast(${sql.ref(column)} as double precision)), 0)`;
}
