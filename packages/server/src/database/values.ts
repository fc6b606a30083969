import { randomInt } from 'node:crypto';
import { Refusal } from '@partway/protocol/errors';
import { type RawBuilder, sql } from 'kysely';

/**
 * The refusal of a text that PostgreSQL cannot hold. SQLite would take it; it refuses it as well, so that no way in that
 * checks too little stores what the other database does not. What clients send is held to more at the edge.
 */
export function badText(cause?: unknown): Refusal {
  return new Refusal('bad_request', 'A text may hold any character but NUL (U+0000).', { cause });
}

/** Refuses a statement with such a text among its values. */
export function refuseBadText(values: readonly unknown[]): void {
  for (const value of values) if (typeof value === 'string' && value.includes('\u0000')) throw badText();
}

/**
 * A new id for a user, item or version: 13 random decimal digits, so that it says nothing about how many there are and
 * fits a JavaScript number. A collision (one in 9·10^12 a pair) fails on the primary key and loses nothing.
 */
export function newId<Id extends number>(): Id {
  return randomInt(1_000_000_000_000, 10_000_000_000_000) as Id;
}

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
