import type { Millis, UserId } from '@partway/protocol/ids';
import type { Authority } from './authority.ts';

/** A revoked token works no longer than this on a node that has just seen it. */
const FRESH_FOR: Millis = 5_000;
const MOST_TOKENS = 10_000;

interface Entry {
  authority: Authority;
  /** By the wall clock. */
  expiresAt: Millis;
  /** By the monotonic clock. */
  freshUntil: Millis;
}

/** When the token ends; when (by the monotonic clock), and at which mark, it was looked up. */
interface TokenLookup {
  expiresAt: Millis;
  monotonic: Millis;
  generation: number;
}

/** Remembers for a few seconds what a token stands for, so that the parts of one upload do not each ask the database. */
export class TokenCache {
  readonly #entries = new Map<string, Entry>();
  #generation = 0;

  /** Where the memory stands: what is looked up from here on may be kept, as long as nothing is forgotten meanwhile. */
  get generation(): number {
    return this.#generation;
  }

  get(tokenSha256: string, { now, monotonic }: { now: Millis; monotonic: Millis }): Authority | undefined {
    const entry = this.#entries.get(tokenSha256);
    if (entry === undefined || entry.expiresAt <= now || entry.freshUntil <= monotonic) return undefined;
    return entry.authority;
  }

  /**
   * Keeps `authority` for a few seconds, never beyond `expiresAt`. Not where a token was forgotten since `mark`: it may
   * have been this one, read just before it ended.
   */
  set(tokenSha256: string, authority: Authority, { expiresAt, monotonic, generation: mark }: TokenLookup): void {
    if (mark !== this.#generation) return;
    if (this.#entries.size >= MOST_TOKENS) this.#entries.clear();
    this.#entries.set(tokenSha256, { authority, expiresAt, freshUntil: monotonic + FRESH_FOR });
  }

  /** Forgets all tokens of a user, which may from now on be good for something else. */
  deleteByUser(userId: UserId): void {
    this.#generation += 1;
    for (const [tokenSha256, { authority }] of this.#entries) {
      if (authority.principal.userId === userId) this.#entries.delete(tokenSha256);
    }
  }

  deleteAll(tokenSha256s: readonly string[]): void {
    this.#generation += 1;
    for (const tokenSha256 of tokenSha256s) this.#entries.delete(tokenSha256);
  }
}
