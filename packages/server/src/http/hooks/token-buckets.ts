/** A minute, in which a full bucket fills again. */
const WINDOW_MILLIS = 60_000;

/**
 * So many acts a minute for each key, and all of them at once if need be: a bucket holds that many tokens and fills
 * evenly. Only buckets that are not full are kept, and of those the ones used last, so that memory is bounded.
 */
export class TokenBuckets<Key> {
  readonly #perMinute: number;
  readonly #mostKeys: number;
  /** In the order of their last use. */
  readonly #buckets = new Map<Key, { tokens: number; at: number }>();

  constructor(perMinute: number, { mostKeys = 10_000 } = {}) {
    this.#perMinute = perMinute;
    this.#mostKeys = mostKeys;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** After how many milliseconds there will be a token; 0 if there is one. Takes none. */
  wait(key: Key, now: number): number {
    return this.#waitOf(this.#tokensOf(key, now));
  }

  /** Takes one token; gives 0, or after how many milliseconds there will be one. `now` is a monotonic clock's. */
  take(key: Key, now: number): number {
    const tokens = this.#tokensOf(key, now);
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    this.#forget(now);
    return this.#waitOf(tokens);
  }

  #tokensOf(key: Key, now: number): number {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#perMinute, at: now };
    const refilled = bucket.tokens + ((now - bucket.at) * this.#perMinute) / WINDOW_MILLIS;
    return Math.min(this.#perMinute, refilled);
  }

  #waitOf(tokens: number): number {
    return tokens >= 1 ? 0 : ((1 - tokens) * WINDOW_MILLIS) / this.#perMinute;
  }

  /** Those unused for a minute are full, and so as good as new; beyond the bound, those unused for longest go. */
  #forget(now: number): void {
    for (const [key, { at }] of this.#buckets) {
      if (now - at < WINDOW_MILLIS && this.#buckets.size <= this.#mostKeys) return;
      this.#buckets.delete(key);
    }
  }
}
