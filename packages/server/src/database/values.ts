import { randomInt } from 'node:crypto';
import { DatabaseError } from './errors.ts';

/**
 * The refusal of a text that PostgreSQL cannot hold. SQLite would take it; it refuses it as well, so that no way in that
 * checks too little stores what the other database does not. What clients send is held to more at the edge.
 */
export function badTextError(cause?: unknown): DatabaseError {
  return new DatabaseError('invalid-text', 'A text may hold any character but NUL (U+0000).', { cause });
}

/** Refuses a statement with such a text among its values. */
export function rejectBadText(values: readonly unknown[]): void {
  for (const value of values) if (typeof value === 'string' && value.includes('\u0000')) throw badTextError();
}

/**
 * A new id for a user, item or version: 13 random decimal digits, so that it says nothing about how many there are and
 * fits a JavaScript number. A collision (one in 9·10^12 a pair) fails on the primary key and loses nothing.
 */
export function newId<Id extends number>(): Id {
  return randomInt(1_000_000_000_000, 10_000_000_000_000) as Id;
}
