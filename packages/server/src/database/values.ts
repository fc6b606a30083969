import { Refusal } from '@partway/protocol/errors';

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
