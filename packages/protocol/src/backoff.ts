import type { Millis } from './ids.ts';

/** Limits of the delays between attempts. */
interface BackoffLimits {
  /** After the first attempt. */
  first: Millis;
  max: Millis;
}

/** The delay after attempt number `attempt`, from 1. It doubles each time, up to the maximum. */
export function exponentialDelay(attempt: number, { first, max }: BackoffLimits): Millis {
  return Math.min(first * 2 ** (attempt - 1), max);
}

/**
 * The delay before a retry. Half of the exponential delay is random, so that many clients do not come back at the same
 * moment.
 */
export function backoff(attempt: number, limits: BackoffLimits, random: () => number = Math.random): Millis {
  return exponentialDelay(attempt, limits) * (0.5 + random() / 2);
}
