import type { Millis } from '@partway/protocol/ids';

/** What time it is. The server has one clock for everything that decides by time; tests bring one that they can move. */
export interface Clock {
  /** The wall clock: milliseconds since 1970, as rows keep times. It may be wrong, and be set ahead or back at any time. */
  now(): Millis;
  /** Milliseconds since some moment; nobody sets it. For waits, rates and intervals. */
  monotonic(): Millis;
  /**
   * The time by which stored things expire: the wall clock's, but held back while the wall clock may be wrong. Never
   * ahead of `now()`.
   */
  expiryTime(): Millis;
  /**
   * The time from which the lives of stored things are counted: the wall clock's, but never behind the last trusted time. So
   * what begins while the wall clock is set back does not end early when it is set right. Never behind `now()`.
   */
  lifetimesFrom(): Millis;
  /** The same as `expiryTime` by the clock of this machine, by which its files are dated, if `now()` is the time of another one. */
  fileExpiryTime(): Millis;
  /** For how long the wall clock has agreed with the monotonic one. */
  steadyFor(): Millis;
}

/** Where a clock reads the time. */
interface ClockSources {
  wall: () => Millis;
  monotonic: () => Millis;
}

/** The clocks of this machine. */
export const MACHINE_SOURCES: ClockSources = { wall: () => Date.now(), monotonic: () => performance.now() };

/** Two clocks that differ by less are taken for the same: NTP sets small differences right. */
export const CLOCK_TOLERANCE: Millis = 60_000;
/** How old the newest time in the database may be when the server starts without raising suspicion. */
const START_TOLERANCE: Millis = 10 * 60_000;
/** For so long both clocks have to agree before a new wall time counts for expiry. */
export const CLOCK_GRACE: Millis = 15 * 60_000;

/**
 * A clock that compares the wall clock with the monotonic one at every reading. When the wall clock jumps (NTP corrects
 * it, somebody sets it, the machine was asleep), expiry continues from the last trusted time at the monotonic clock's
 * speed, until both clocks have agreed for `CLOCK_GRACE` (docs/decisions/0103-expire-stored-data-by-a-trusted-clock.md).
 */
export class GuardedClock implements Clock {
  /** Told of each jump of the wall clock, ahead or back, in milliseconds. */
  onJump: (by: Millis) => void = () => {};
  readonly #sources: ClockSources;
  /** What is added to this machine's wall clock to get the time that all nodes share. */
  #correction: Millis = 0;
  #follows = false;
  /** Wall minus monotonic, as it was when the wall clock was last trusted. */
  #trusted: Millis;
  /** The same difference as last read, and since when (monotonic) it has held. */
  #current: Millis;
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

  /** The last trusted time and what has passed since: what the next start is to compare its wall clock with. */
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
   * Compares the wall clock with the newest time that the database knows, once, before anything is removed. A wall clock
   * far ahead of it, or behind it, may not have been set yet: expiry, or the count of lifetimes, then continues from `newest`.
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
   * From now on `now()` is the time of another machine, which several nodes share: `shared` is what it says at this
   * moment. The first call is the start of this clock; what a later one corrects is a jump.
   */
  follow(shared: Millis): void {
    const correction = Math.round(shared - this.#sources.wall());
    if (!this.#follows) {
      this.#follows = true;
      this.#correction = correction;
      this.#since = this.#sources.monotonic();
      this.#current = shared - this.#since;
      this.#trusted = this.#current;
    }
    // A shorter difference says more of the network than of the clocks.
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
    // Back where it was before it jumped, or steady for long enough.
    const isBack = Math.abs(difference - this.#trusted) <= CLOCK_TOLERANCE;
    if (isBack || monotonic - this.#since >= CLOCK_GRACE) this.#trusted = difference;
    return { wall, trusted: Math.floor(monotonic + this.#trusted), monotonic };
  }
}

/**
 * Whether something that lives for `lifetime` and is soon asked for again (a code, a login page, a download address) still
 * counts at `now`. One that would end later than one made now is from before the clock was set back.
 */
export function isStillGood(expiresAt: Millis, lifetime: Millis, now: Millis): boolean {
  return expiresAt > now && expiresAt <= now + lifetime + CLOCK_TOLERANCE;
}
