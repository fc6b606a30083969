import { createHash } from 'node:crypto';
import type { Millis } from '@partway/protocol/ids';

const FIRST_WAIT: Millis = 1_000;
/** After so long without an attempt all is forgotten. */
const FORGOTTEN_AFTER: Millis = 60 * 60 * 1_000;

interface Entry {
  attempts: number;
  last: Millis;
}

interface LoginThrottleOptions {
  /** How many names are remembered. */
  maxEntries: number;
  /** So many attempts cost no wait; each further one doubles it. */
  free: number;
  longestWait: Millis;
}

/**
 * Makes whoever guesses wait: per name, ever longer. An attempt counts when it begins, so that many at once are many;
 * one that was right is taken back. Keeps the names used last, as hashes, so what it holds is bounded. Times are those of
 * a monotonic clock.
 */
export class LoginThrottle {
  readonly #entries = new Map<string, Entry>();
  readonly #options: LoginThrottleOptions;

  constructor(options: LoginThrottleOptions) {
    this.#options = options;
  }

  /** How long to wait before another attempt under this name. */
  delayFor(name: string, now: Millis): Millis {
    const { free, longestWait } = this.#options;
    const entry = this.#entries.get(throttleKey(name));
    if (entry === undefined || entry.attempts < free) return 0;
    const wait = Math.min(FIRST_WAIT * 2 ** (entry.attempts - free), longestWait);
    return Math.max(0, entry.last + wait - now);
  }

  /** Notes an attempt, right or wrong. */
  recordAttempt(name: string, now: Millis): void {
    const key = throttleKey(name);
    const before = this.#entries.get(key);
    const fresh = before !== undefined && before.last + FORGOTTEN_AFTER > now;
    // Out and in again, so that the order is that of last use.
    this.#entries.delete(key);
    this.#entries.set(key, { attempts: fresh ? before.attempts + 1 : 1, last: now });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.maxEntries) break;
      this.#entries.delete(oldest);
    }
  }

  /** The attempt was right after all. */
  undoAttempt(name: string): void {
    const key = throttleKey(name);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    if (entry.attempts <= 1) this.#entries.delete(key);
    else entry.attempts -= 1;
  }

  /** The name has proven itself. */
  forget(name: string): void {
    this.#entries.delete(throttleKey(name));
  }

  get size(): number {
    return this.#entries.size;
  }
}

/** As short for a long name as for a short one. */
export function throttleKey(name: string): string {
  return createHash('sha256').update(name).digest('base64');
}
