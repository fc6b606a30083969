import type { Millis, UserId } from '@partway/protocol/ids';
import { LRUCache } from 'lru-cache';
import type { Authority } from './authority.ts';

/** How long a token can still work on other nodes after one node has revoked it. */
const TTL: Millis = 5_000;
const MAX_TOKENS = 10_000;

interface Entry {
  authority: Authority;
  /** By the wall clock. */
  expiresAt: Millis;
  /** By the monotonic clock. */
  freshUntil: Millis;
}

interface TokenLookup {
  /** When the token expires, by the wall clock. */
  expiresAt: Millis;
  /** When the lookup started, by the monotonic clock. */
  monotonic: Millis;
  /** The cache's generation when the lookup started. */
  generation: number;
}

/** Caches tokens for a few seconds, so that the parts of an upload do not each query the database. */
export class TokenCache {
  readonly #entries = new LRUCache<string, Entry>({ max: MAX_TOKENS });
  #generation = 0;

  /** Increases with each deletion. `set` compares it, to ignore lookups that started before a deletion. */
  get generation(): number {
    return this.#generation;
  }

  get(tokenSha256: string, { now, monotonic }: { now: Millis; monotonic: Millis }): Authority | undefined {
    const entry = this.#entries.get(tokenSha256);
    if (entry === undefined || entry.expiresAt <= now || entry.freshUntil <= monotonic) return undefined;
    return entry.authority;
  }

  /**
   * Caches a token for a few seconds, at most until it expires. Does nothing if any token was deleted since the lookup
   * started: it could have been this one, read just before it was revoked.
   */
  set(tokenSha256: string, authority: Authority, { expiresAt, monotonic, generation }: TokenLookup): void {
    if (generation !== this.#generation) return;
    this.#entries.set(tokenSha256, { authority, expiresAt, freshUntil: monotonic + TTL });
  }

  /** Deletes the tokens of a user whose permissions have changed. */
  deleteByUser(userId: UserId): void {
    this.#generation += 1;
    for (const [tokenSha256, { authority }] of [...this.#entries.entries()]) {
      if (authority.principal.userId === userId) this.#entries.delete(tokenSha256);
    }
  }

  deleteAll(tokenSha256s: readonly string[]): void {
    this.#generation += 1;
    for (const tokenSha256 of tokenSha256s) this.#entries.delete(tokenSha256);
  }
}
