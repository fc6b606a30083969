import type { Millis } from '@partway/protocol/ids';
import { LoginQueue } from './queue.ts';
import { LoginThrottle, throttleKey } from './throttle.ts';

const MAX_LOGINS = 10_000;
/** Short enough that guessing at somebody's login does not keep them out. */
const LONGEST_WAIT: Millis = 30_000;
const LONGEST_ADDRESS_WAIT: Millis = 60_000;
/** Attempts without a wait: at one login from one address, at any logins from one address, at one login from anywhere. */
const FREE = { pair: 5, address: 50, login: 100 };

/** Who tries to log in, and from where: both as they are compared, not as they were written. */
interface Attempt {
  login: string;
  network: string;
}

interface StartedAttempt extends Attempt {
  /** Whether the login was known at this address when the attempt began. */
  isKnown: boolean;
}

/**
 * What is remembered of attempts to log in (docs/decisions/0104-throttle-logins-by-login-and-address-together.md). Wrong
 * guesses count against the login and address together first. Only many of them make others at the address, or at the
 * login, wait; never somebody who has logged in from this address before.
 */
export class LoginAttempts {
  readonly turns = new LoginQueue();
  readonly #pairs = new LoginThrottle({ maxEntries: MAX_LOGINS, free: FREE.pair, longestWait: LONGEST_WAIT });
  readonly #addresses = new LoginThrottle({
    maxEntries: MAX_LOGINS,
    free: FREE.address,
    longestWait: LONGEST_ADDRESS_WAIT,
  });
  readonly #logins = new LoginThrottle({ maxEntries: MAX_LOGINS, free: FREE.login, longestWait: LONGEST_WAIT });
  /** Pairs from which the right password came, the one used last at the end. */
  readonly #known = new Set<string>();

  isKnown(attempt: Attempt): boolean {
    return this.#known.has(throttleKey(pairOf(attempt)));
  }

  /** How long to wait before this attempt. `now` is a monotonic clock's. */
  delayFor(attempt: Attempt, now: Millis): Millis {
    const wait = this.#pairs.delayFor(pairOf(attempt), now);
    if (this.isKnown(attempt)) return wait;
    return Math.max(wait, this.#addresses.delayFor(attempt.network, now), this.#logins.delayFor(attempt.login, now));
  }

  /** Notes that an attempt begins. Those of somebody known count for nobody else. */
  begin(attempt: Attempt, now: Millis): StartedAttempt {
    const isKnown = this.isKnown(attempt);
    this.#pairs.recordAttempt(pairOf(attempt), now);
    if (!isKnown) {
      this.#addresses.recordAttempt(attempt.network, now);
      this.#logins.recordAttempt(attempt.login, now);
    }
    return { ...attempt, isKnown };
  }

  /** The attempt was right, or never made. */
  undo(attempt: StartedAttempt): void {
    this.#pairs.undoAttempt(pairOf(attempt));
    if (attempt.isKnown) return;
    this.#addresses.undoAttempt(attempt.network);
    this.#logins.undoAttempt(attempt.login);
  }

  /** The attempt was right. From now on the login is known at this address. */
  succeed(attempt: StartedAttempt): void {
    this.undo(attempt);
    const pair = pairOf(attempt);
    this.#pairs.forget(pair);
    const key = throttleKey(pair);
    this.#known.delete(key);
    this.#known.add(key);
    for (const oldest of this.#known) {
      if (this.#known.size <= MAX_LOGINS) break;
      this.#known.delete(oldest);
    }
  }

  /** How many entries all of this holds. */
  get size(): number {
    return this.#pairs.size + this.#addresses.size + this.#logins.size + this.#known.size;
  }
}

/** A network has no space in it. */
function pairOf({ login, network }: Attempt): string {
  return `${network} ${login}`;
}
