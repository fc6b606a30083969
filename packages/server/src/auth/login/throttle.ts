import { createHash } from 'node:crypto';
import { exponentialDelay } from '@partway/protocol/backoff';
import type { Millis } from '@partway/protocol/ids';
import { LRUCache } from 'lru-cache';

const FIRST_DELAY: Millis = 1_000;
/** After this time without an attempt, the count starts again. */
const RESET_AFTER: Millis = 60 * 60 * 1_000;

interface Entry {
  attempts: number;
  last: Millis;
}

interface LoginThrottleOptions {
  /** Number of names in memory. The least recently used are dropped. */
  maxEntries: number;
  /** Attempts without a delay. Each further attempt doubles the delay. */
  freeAttempts: number;
  maxDelay: Millis;
}

/**
 * Delays attempts per name, longer after each attempt. An attempt counts when it begins, so that concurrent attempts do
 * not evade the limit, and is removed if its password was correct. Names are stored as hashes, so that memory is
 * bounded. Times are from a monotonic clock.
 */
export class LoginThrottle {
  readonly #entries: LRUCache<string, Entry>;
  readonly #options: LoginThrottleOptions;

  constructor(options: LoginThrottleOptions) {
    this.#options = options;
    this.#entries = new LRUCache({ max: options.maxEntries });
  }

  /** The delay until the next attempt for this name is allowed. */
  delayFor(name: string, now: Millis): Millis {
    const { freeAttempts, maxDelay } = this.#options;
    const entry = this.#entries.peek(throttleKey(name));
    if (entry === undefined || entry.attempts < freeAttempts) return 0;
    const delay = exponentialDelay(entry.attempts - freeAttempts + 1, { first: FIRST_DELAY, max: maxDelay });
    return Math.max(0, entry.last + delay - now);
  }

  /** Records an attempt before its outcome is known. */
  recordAttempt(name: string, now: Millis): void {
    const key = throttleKey(name);
    const entry = this.#entries.peek(key);
    const attempts = entry !== undefined && entry.last + RESET_AFTER > now ? entry.attempts + 1 : 1;
    this.#entries.set(key, { attempts, last: now });
  }

  undoAttempt(name: string): void {
    const key = throttleKey(name);
    const entry = this.#entries.peek(key);
    if (entry === undefined) return;
    if (entry.attempts <= 1) this.#entries.delete(key);
    else entry.attempts -= 1;
  }

  /** Removes all attempts of a name. */
  delete(name: string): void {
    this.#entries.delete(throttleKey(name));
  }

  get size(): number {
    return this.#entries.size;
  }
}

/** A hash, so that long names take no more memory than short ones. */
export function throttleKey(name: string): string {
  return createHash('sha256').update(name).digest('base64');
}
