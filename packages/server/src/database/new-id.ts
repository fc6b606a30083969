import { randomInt } from 'node:crypto';

/**
 * A new id for a user, item or version: 13 random decimal digits, so that it says nothing about how many there are and
 * fits a JavaScript number. A collision (one in 9·10^12 a pair) fails on the primary key and loses nothing.
 */
export function newId<Id extends number>(): Id {
  return randomInt(1_000_000_000_000, 10_000_000_000_000) as Id;
}
