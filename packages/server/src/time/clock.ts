import type { Millis } from '@partway/protocol/ids';

/** The time. The server uses one clock for everything that depends on time; tests can pass one that they control. */
export interface Clock {
  /** The wall clock, in milliseconds since 1970, as in database rows. It can be wrong, and can jump in both directions. */
  now(): Millis;
  /** Milliseconds since an arbitrary moment. Never jumps; use it for waits, rates and intervals. */
  monotonic(): Millis;
  /** The time by which stored data expires. It lags behind the wall clock while that cannot be trusted; never after `now()`. */
  expiryTime(): Millis;
  /**
   * The time from which the lifetimes of new data count. It is never before the last trusted time, so data that is created
   * while the wall clock is behind does not expire early once the clock is corrected. Never before `now()`.
   */
  lifetimesFrom(): Millis;
  /** `expiryTime()` by this machine's clock, for comparison with the dates of local files, if `now()` is another machine's time. */
  fileExpiryTime(): Millis;
  /** How long the wall clock has run in step with the monotonic clock. */
  steadyFor(): Millis;
}

/** The two clocks that a `GuardedClock` reads. */
interface ClockSources {
  wall: () => Millis;
  monotonic: () => Millis;
}

/** The clocks of this machine. */
export const MACHINE_SOURCES: ClockSources = { wall: Date.now, monotonic: performance.now.bind(performance) };

/** Smaller differences between two clocks are ignored: NTP corrects them. */
export const CLOCK_TOLERANCE: Millis = 60_000;
/** If the newest time in the database is older than this at the start, the wall clock is not trusted at first. */
const START_TOLERANCE: Millis = 10 * 60_000;
/** Time for which both clocks have to agree before data expires by a changed wall clock. */
export const CLOCK_GRACE: Millis = 15 * 60_000;

/**
 * A clock that compares the wall clock with the monotonic clock at every reading. If the wall clock jumps (NTP corrected
 * it, an operator set it, or the machine was asleep), `expiryTime` continues from the last trusted time at the speed of the
 * monotonic clock, until both clocks have agreed for `CLOCK_GRACE`
 * (docs/decisions/0103-expire-stored-data-by-a-trusted-clock.md).
 */
export class GuardedClock implements Clock {
  /** Called for each jump of the wall clock, with its size; negative if the clock was set back. */
  onJump: (by: Millis) => void = () => {};
  readonly #sources: ClockSources;
  /** Added to this machine's wall clock to get the time that all nodes share. */
  #correction: Millis = 0;
  #isFollowing = false;
  /** Wall clock minus monotonic clock when the wall clock was last trusted. */
  #trusted: Millis;
  /** The same difference at the last reading. */
  #current: Millis;
  /** When that difference was first read, by the monotonic clock. */
  #since: Millis;

  constructor(sources: ClockSources = MACHINE_SOURCES) {
    this.#sources = sources;
    this.#since = sources.monotonic();
    this.#current = sources.wall() - this.#since;
    this.#trusted = this.#current;
  }

  now(): Millis {
    return this.#read().wall;
  }

  monotonic(): Millis {
    return this.#sources.monotonic();
  }

  expiryTime(): Millis {
    const { wall, trusted } = this.#read();
    return Math.min(wall, trusted);
  }

  lifetimesFrom(): Millis {
    const { wall, trusted } = this.#read();
    return Math.max(wall, trusted);
  }

  /** The last trusted time plus the time since then. It is saved, and the next start compares its wall clock with it. */
  trustedTime(): Millis {
    return this.#read().trusted;
  }

  fileExpiryTime(): Millis {
    return this.expiryTime() - this.#correction;
  }

  steadyFor(): Millis {
    return this.#read().monotonic - this.#since;
  }

  /**
   * Compares the wall clock with the newest time in the database. Call it once, before anything expires. If the wall clock
   * is behind that time or far ahead of it, it may not have been set yet, so trusted time continues from `newest`.
   */
  startFrom(newest: Millis): void {
    const { wall, monotonic } = this.#read();
    const ahead = wall - newest;
    if (ahead > START_TOLERANCE || ahead < -CLOCK_TOLERANCE) {
      this.#trusted = newest - monotonic;
      this.#since = monotonic;
      this.onJump(ahead);
    }
  }

  /**
   * Makes `now()` follow the clock of another machine, which all nodes share. `shared` is the time that it shows at this
   * moment. The first call sets this clock; a correction by a later call counts as a jump.
   */
  follow(shared: Millis): void {
    const correction = Math.round(shared - this.#sources.wall());
    if (!this.#isFollowing) {
      this.#isFollowing = true;
      this.#correction = correction;
      this.#since = this.#sources.monotonic();
      this.#current = shared - this.#since;
      this.#trusted = this.#current;
    }
    // A smaller difference is more likely network latency.
    if (Math.abs(correction - this.#correction) > 100) this.#correction = correction;
  }

  #read(): { wall: Millis; trusted: Millis; monotonic: Millis } {
    const wall = this.#sources.wall() + this.#correction;
    const monotonic = this.#sources.monotonic();
    const difference = wall - monotonic;
    const jump = difference - this.#current;
    this.#current = difference;
    if (Math.abs(jump) > CLOCK_TOLERANCE) {
      this.#since = monotonic;
      this.onJump(Math.round(jump));
    }
    const hasReturned = Math.abs(difference - this.#trusted) <= CLOCK_TOLERANCE;
    if (hasReturned || monotonic - this.#since >= CLOCK_GRACE) this.#trusted = difference;
    return { wall, trusted: Math.floor(monotonic + this.#trusted), monotonic };
  }
}

/**
 * True if short-lived data that can easily be requested again (a code, a login page, a download URL) is valid at `now`. If
 * it expires later than new data with the same `lifetime` would, it is from before the clock was set back, and not valid.
 */
export function isStillGood(expiresAt: Millis, lifetime: Millis, now: Millis): boolean {
  return expiresAt > now && expiresAt <= now + lifetime + CLOCK_TOLERANCE;
}
