import { randomInt } from 'node:crypto';
import { DatabaseError } from './errors.ts';

/**
 * The error for text that PostgreSQL cannot store. SQLite could, but rejects it too, so that both databases behave alike
 * even if a caller does not check its input. The HTTP layer checks text from clients more strictly.
 */
export function invalidTextError(cause?: unknown): DatabaseError {
  return new DatabaseError('invalid-text', 'Text must not contain the NUL character (U+0000).', { cause });
}

/** Throws `invalid-text` if one of a statement's values is such text. */
export function rejectInvalidText(values: readonly unknown[]): void {
  for (const value of values) if (typeof value === 'string' && value.includes('\u0000')) throw invalidTextError();
}

/**
 * Creates an ID for a user, item or version: 13 random decimal digits, so that it does not reveal how many there are and
 * fits a JavaScript number. On a collision (1 in 9·10^12 per pair), the primary key makes the statement fail.
 */
export function newId<Id extends number>(): Id {
  return randomInt(1_000_000_000_000, 10_000_000_000_000) as Id;
}
