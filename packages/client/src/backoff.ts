import { ApiError } from './errors.ts';

const FIRST_WAIT = 400;
const LONGEST_WAIT = 20_000;

/**
 * How long to wait before try number `attempt` + 1, in milliseconds: twice as long each time, the half of it at random, so
 * that many clients do not come back at one moment; never before the time that the server named.
 */
export function backoff(attempt: number, error?: unknown, random: () => number = Math.random): number {
  const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
  const wait = longest * (0.5 + random() / 2);
  const asked = error instanceof ApiError ? error.retryAfterMillis : undefined;
  return asked === undefined ? wait : Math.max(asked + random() * 100, 1);
}
