import type { UserId } from '@partway/protocol/ids';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../time/clock.ts';
import { ApiError } from '../api-error.ts';

/** Limits per user and minute; undefined for no limit. */
interface Rates {
  calls: number | undefined;
  uploads: number | undefined;
}

/** Client reports per user and minute that are written to the log. */
const REPORTS_PER_MINUTE = 60;

/**
 * Counts requests by user, or by address if the user is not known. Methods throw `rate_limit_exceeded` with the time of
 * the next attempt, unless they say otherwise.
 */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #calls: TokenBuckets<UserId> | undefined;
  readonly #uploads: TokenBuckets<UserId> | undefined;
  /** Parts that were not stored. */
  readonly #wastedParts: TokenBuckets<UserId> | undefined;
  readonly #reports: TokenBuckets<UserId>;
  readonly #tokens: TokenBuckets<string> | undefined;
  readonly #downloads: TokenBuckets<string> | undefined;

  constructor({ calls, uploads }: Rates, clock: Clock) {
    const buckets = <Key extends {}>(perMinute: number | undefined) =>
      perMinute === undefined ? undefined : new TokenBuckets<Key>(perMinute);
    this.#clock = clock;
    this.#calls = buckets(calls);
    this.#uploads = buckets(uploads);
    this.#wastedParts = buckets(calls);
    this.#reports = new TokenBuckets(REPORTS_PER_MINUTE);
    this.#tokens = buckets(calls);
    this.#downloads = buckets(calls);
  }

  countCall(user: UserId): void {
    this.#take('requests', this.#calls, user);
  }

  /** Counts a new upload session or a direct upload. */
  countUpload(user: UserId): void {
    this.#take('uploads', this.#uploads, user);
  }

  /**
   * Checks whether a part can start, and counts nothing. Stored parts never count: the size of the upload limits their
   * number, and an upload that was accepted should complete.
   */
  checkPart(user: UserId): void {
    const delay = this.#wastedParts?.delay(user, this.#clock.monotonic()) ?? 0;
    if (delay > 0) throw rateLimitError('parts that were rejected or already stored', delay);
  }

  /** Counts a part that was rejected, ended early or was already stored, like any other request. Never throws. */
  countWastedPart(user: UserId): void {
    const now = this.#clock.monotonic();
    this.#wastedParts?.take(user, now);
    this.#calls?.take(user, now);
  }

  /** Counts a client's report that is written to the log. */
  countReport(user: UserId): void {
    this.#take('reports', this.#reports, user);
  }

  /** Counts a request for a token or a login. */
  countTokenRequest(address: string): void {
    this.#take('requests for tokens from this address', this.#tokens, address);
  }

  /** Counts a download with a signed URL. */
  countDownload(address: string): void {
    this.#take('downloads from this address', this.#downloads, address);
  }

  #take<Key extends {}>(what: string, buckets: TokenBuckets<Key> | undefined, key: Key): void {
    const delay = buckets?.take(key, this.#clock.monotonic()) ?? 0;
    if (delay > 0) throw rateLimitError(what, delay);
  }
}

function rateLimitError(what: string, delay: number): ApiError {
  const retryAfterSeconds = Math.ceil(delay / 1000);
  return new ApiError('rate_limit_exceeded', `Too many ${what}. Try again in ${retryAfterSeconds} s.`, {
    retryAfterSeconds,
  });
}

/** The time in which an empty bucket fills. */
const WINDOW_MILLIS = 60_000;

/**
 * A token bucket per key, with a capacity of `perMinute`. Full buckets and the least recently used ones are evicted, so
 * that memory is bounded.
 */
export class TokenBuckets<Key extends {}> {
  readonly #perMinute: number;
  readonly #buckets: LRUCache<Key, { tokens: number; at: number }>;

  constructor(perMinute: number, { maxKeys = 10_000 } = {}) {
    this.#perMinute = perMinute;
    this.#buckets = new LRUCache({ max: maxKeys });
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Returns the milliseconds until there is a token, or 0 if there is one. Does not take it. */
  delay(key: Key, now: number): number {
    return this.#delayFor(this.#countTokens(key, now));
  }

  /** Takes a token and returns 0, or returns the milliseconds until there is one. `now` is from a monotonic clock. */
  take(key: Key, now: number): number {
    const tokens = this.#countTokens(key, now);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    this.#evictFull(now);
    return this.#delayFor(tokens);
  }

  #countTokens(key: Key, now: number): number {
    const bucket = this.#buckets.peek(key) ?? { tokens: this.#perMinute, at: now };
    const refilled = bucket.tokens + ((now - bucket.at) * this.#perMinute) / WINDOW_MILLIS;
    return Math.min(this.#perMinute, refilled);
  }

  #delayFor(tokens: number): number {
    return tokens >= 1 ? 0 : ((1 - tokens) * WINDOW_MILLIS) / this.#perMinute;
  }

  /** Evicts buckets that were unused for a minute, which are full again. */
  #evictFull(now: number): void {
    for (const bucket of this.#buckets.rvalues()) {
      if (bucket === undefined || now - bucket.at < WINDOW_MILLIS) return;
      this.#buckets.pop();
    }
  }
}
