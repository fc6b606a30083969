import { Refusal } from '@partway/protocol/errors';
import type { UserId } from '@partway/protocol/ids';
import type { Clock } from '../../time/clock.ts';
import { TokenBuckets } from './token-buckets.ts';

/** How often a user may do what, a minute; undefined for no limit. */
export interface Rates {
  calls: number | undefined;
  uploads: number | undefined;
}

/** Reports that a user's clients may write into the log, a minute. */
const REPORTS = 60;

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
    this.#reports = new TokenBuckets(REPORTS);
    this.#tokens = buckets(calls);
    this.#downloads = buckets(calls);
  }

  call(user: UserId): void {
    this.#take('calls', this.#calls, user);
  }

  /** A session or a direct upload that begins. */
  upload(user: UserId): void {
    this.#take('uploads', this.#uploads, user);
  }

  /**
   * A part that begins. It counts for nothing if it is stored: the size of its upload bounds how many there are, and an
   * upload that was let in should end.
   */
  part(user: UserId): void {
    const wait = this.#wastedParts?.wait(user, this.#clock.monotonic()) ?? 0;
    if (wait > 0) throw tooMany('parts that were refused or stored before', wait);
  }

  /** A part that was refused, that broke off, or that was stored before: a call like any other. Refuses nothing. */
  wastedPart(user: UserId): void {
    const now = this.#clock.monotonic();
    this.#wastedParts?.take(user, now);
    this.#calls?.take(user, now);
  }

  /** A client's report on its upload, which goes into the log. */
  report(user: UserId): void {
    this.#take('reports', this.#reports, user);
  }

  /** A request for a token, or for anything else that logging in takes. */
  token(address: string): void {
    this.#take('requests for tokens from this address', this.#tokens, address);
  }

  /** A signed download. */
  download(address: string): void {
    this.#take('downloads from this address', this.#downloads, address);
  }

  #take<Key>(what: string, buckets: TokenBuckets<Key> | undefined, key: Key): void {
    const wait = buckets?.take(key, this.#clock.monotonic()) ?? 0;
    if (wait > 0) throw tooMany(what, wait);
  }
}

function tooMany(what: string, waitMillis: number): Refusal {
  const retryAfterSeconds = Math.ceil(waitMillis / 1000);
  return new Refusal('rate_limit_exceeded', `Too many ${what}: send this again in ${retryAfterSeconds} s.`, {
    retryAfterSeconds,
  });
}
