import type { Millis } from '../api/ids.ts';
import type { Principal } from './principal.ts';

/** A revoked token works no longer than this on a node that has just seen it. */
const FRESH_FOR: Millis = 5_000;
const MOST_TOKENS = 10_000;

interface Entry {
  principal: Principal;
  until: Millis;
}

/** Remembers for a few seconds whose a token is, so that the parts of one upload do not each ask the database. */
export class TokenCache {
  readonly #entries = new Map<string, Entry>();

  get(tokenSha256: string, now: Millis): Principal | undefined {
    const entry = this.#entries.get(tokenSha256);
    if (entry === undefined || entry.until <= now) return undefined;
    return entry.principal;
  }

  /** Keeps `principal` for a few seconds, never beyond `expiresAt`. */
  set(tokenSha256: string, principal: Principal, expiresAt: Millis, now: Millis): void {
    if (this.#entries.size >= MOST_TOKENS) this.#entries.clear();
    this.#entries.set(tokenSha256, { principal, until: Math.min(expiresAt, now + FRESH_FOR) });
  }

  delete(tokenSha256: string): void {
    this.#entries.delete(tokenSha256);
  }
}
