import type { Millis } from '@partway/protocol/ids';
import { LRUCache } from 'lru-cache';
import { LoginQueue } from './queue.ts';
import { LoginThrottle, throttleKey } from './throttle.ts';

const MAX_LOGINS = 10_000;
/** Short enough that an attacker who guesses passwords for a login does not lock its user out. */
const MAX_DELAY: Millis = 30_000;
const MAX_ADDRESS_DELAY: Millis = 60_000;
/**
 * Attempts without a delay: for one login from one address, for all logins from one address, for one login from
 * anywhere.
 */
const FREE_ATTEMPTS = { pair: 5, address: 50, login: 100 };

/** The login and network of an attempt, both in the form in which they are compared. */
interface Attempt {
  login: string;
  network: string;
}

interface StartedAttempt extends Attempt {
  /** Whether this login had succeeded from this network before. */
  isKnown: boolean;
}

/**
 * Throttles logins (docs/decisions/0104-throttle-logins-by-login-and-address-together.md). Failed attempts first delay
 * only the same login from the same network. Many of them delay all logins from the network, or the login from
 * anywhere, except for users who have logged in from the same network before.
 */
export class LoginAttempts {
  readonly queue = new LoginQueue();
  readonly #pairs = new LoginThrottle({
    maxEntries: MAX_LOGINS,
    freeAttempts: FREE_ATTEMPTS.pair,
    maxDelay: MAX_DELAY,
  });
  readonly #addresses = new LoginThrottle({
    maxEntries: MAX_LOGINS,
    freeAttempts: FREE_ATTEMPTS.address,
    maxDelay: MAX_ADDRESS_DELAY,
  });
  readonly #logins = new LoginThrottle({
    maxEntries: MAX_LOGINS,
    freeAttempts: FREE_ATTEMPTS.login,
    maxDelay: MAX_DELAY,
  });
  /** Pairs of login and network that have succeeded. */
  readonly #known = new LRUCache<string, true>({ max: MAX_LOGINS });

  isKnown(attempt: Attempt): boolean {
    return this.#known.has(throttleKey(pairName(attempt)));
  }

  /** The delay until this attempt is allowed. `now` is from a monotonic clock. */
  delayFor(attempt: Attempt, now: Millis): Millis {
    const delay = this.#pairs.delayFor(pairName(attempt), now);
    if (this.isKnown(attempt)) return delay;
    return Math.max(delay, this.#addresses.delayFor(attempt.network, now), this.#logins.delayFor(attempt.login, now));
  }

  /** Records an attempt before its password is checked. Attempts of known pairs do not delay other users. */
  begin(attempt: Attempt, now: Millis): StartedAttempt {
    const isKnown = this.isKnown(attempt);
    this.#pairs.recordAttempt(pairName(attempt), now);
    if (!isKnown) {
      this.#addresses.recordAttempt(attempt.network, now);
      this.#logins.recordAttempt(attempt.login, now);
    }
    return { ...attempt, isKnown };
  }

  /** Removes an attempt from the records, because its password was correct or was not checked. */
  undo(attempt: StartedAttempt): void {
    this.#pairs.undoAttempt(pairName(attempt));
    if (attempt.isKnown) return;
    this.#addresses.undoAttempt(attempt.network);
    this.#logins.undoAttempt(attempt.login);
  }

  /** Records a correct password. From now on, the login is known for this network. */
  succeed(attempt: StartedAttempt): void {
    this.undo(attempt);
    const pair = pairName(attempt);
    this.#pairs.delete(pair);
    this.#known.set(throttleKey(pair), true);
  }

  /** The number of entries in memory. */
  get size(): number {
    return this.#pairs.size + this.#addresses.size + this.#logins.size + this.#known.size;
  }
}

/** A network contains no space, so pairs cannot collide. */
function pairName({ login, network }: Attempt): string {
  return `${network} ${login}`;
}
