import type { UserId } from '@partway/protocol/ids';
import type { Clock } from '../../time/clock.ts';
import { ApiError } from '../api-error.ts';

/** How often a user may do what, a minute; undefined for no limit. */
interface Rates {
  calls: number | undefined;
  uploads: number | undefined;
}

/** Reports that a user's clients may write into the log, a minute. */
const REPORTS_PER_MINUTE = 60;

/**
 * Counts what costs the server something, by user or, where there is none yet, by the address it comes from. Each method
 * refuses `rate_limit_exceeded`, with the time after which to come again.
 */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #calls: TokenBuckets<UserId> | undefined;
  readonly #uploads: TokenBuckets<UserId> | undefined;
  /** Parts that stored nothing. */
  readonly #wastedParts: TokenBuckets<UserId> | undefined;
  readonly #reports: TokenBuckets<UserId>;
  readonly #tokens: TokenBuckets<string> | undefined;
  readonly #downloads: TokenBuckets<string> | undefined;

  constructor({ calls, uploads }: Rates, clock: Clock) {
    const buckets = <Key>(perMinute: number | undefined) =>
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
    this.#take('calls', this.#calls, user);
  }

  /** A session or a direct upload that begins. */
  countUpload(user: UserId): void {
    this.#take('uploads', this.#uploads, user);
  }

  /**
   * A part that begins. It counts for nothing if it is stored: the size of its upload bounds how many there are, and an
   * upload that was let in should end.
   */
  checkPart(user: UserId): void {
    const wait = this.#wastedParts?.delay(user, this.#clock.monotonic()) ?? 0;
    if (wait > 0) throw rateLimitError('parts that were refused or stored before', wait);
  }

  /** A part that was refused, that broke off, or that was stored before: a call like any other. Refuses nothing. */
  countWastedPart(user: UserId): void {
    const now = this.#clock.monotonic();
    this.#wastedParts?.take(user, now);
    this.#calls?.take(user, now);
  }

  /** A client's report on its upload, which goes into the log. */
  countReport(user: UserId): void {
    this.#take('reports', this.#reports, user);
  }

  /** A request for a token, or for anything else that logging in takes. */
  countTokenRequest(address: string): void {
    this.#take('requests for tokens from this address', this.#tokens, address);
  }

  /** A signed download. */
  countDownload(address: string): void {
    this.#take('downloads from this address', this.#downloads, address);
  }

  #take<Key>(what: string, buckets: TokenBuckets<Key> | undefined, key: Key): void {
    const wait = buckets?.take(key, this.#clock.monotonic()) ?? 0;
    if (wait > 0) throw rateLimitError(what, wait);
  }
}

function rateLimitError(what: string, waitMillis: number): ApiError {
  const retryAfterSeconds = Math.ceil(waitMillis / 1000);
  return new ApiError('rate_limit_exceeded', `Too many ${what}: send this again in ${retryAfterSeconds} s.`, {
    retryAfterSeconds,
  });
}

/** A minute, in which a full bucket fills again. */
const WINDOW_MILLIS = 60_000;

/**
 * So many acts a minute for each key, and all of them at once if need be: a bucket holds that many tokens and fills
 * evenly. Only buckets that are not full are kept, and of those the ones used last, so that memory is bounded.
 */
export class TokenBuckets<Key> {
  readonly #perMinute: number;
  readonly #maxKeys: number;
  /** In the order of their last use. */
  readonly #buckets = new Map<Key, { tokens: number; at: number }>();

  constructor(perMinute: number, { mostKeys = 10_000 } = {}) {
    this.#perMinute = perMinute;
    this.#maxKeys = mostKeys;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** After how many milliseconds there will be a token; 0 if there is one. Takes none. */
  delay(key: Key, now: number): number {
    return this.#delayFor(this.#countTokens(key, now));
  }

  /** Takes one token; gives 0, or after how many milliseconds there will be one. `now` is a monotonic clock's. */
  take(key: Key, now: number): number {
    const tokens = this.#countTokens(key, now);
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    this.#evict(now);
    return this.#delayFor(tokens);
  }

  #countTokens(key: Key, now: number): number {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#perMinute, at: now };
    const refilled = bucket.tokens + ((now - bucket.at) * this.#perMinute) / WINDOW_MILLIS;
    return Math.min(this.#perMinute, refilled);
  }

  #delayFor(tokens: number): number {
    return tokens >= 1 ? 0 : ((1 - tokens) * WINDOW_MILLIS) / this.#perMinute;
  }

  /** Those unused for a minute are full, and so as good as new; beyond the bound, those unused for longest go. */
  #evict(now: number): void {
    for (const [key, { at }] of this.#buckets) {
      if (now - at < WINDOW_MILLIS && this.#buckets.size <= this.#maxKeys) return;
      this.#buckets.delete(key);
    }
  }
}
