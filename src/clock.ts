import type { Millis } from './api/ids.ts';

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
}

/** Where a clock reads the time. */
export interface ClockSources {
  wall: () => Millis;
  monotonic: () => Millis;
}

/** The clocks of this machine. */
export const MACHINE_SOURCES: ClockSources = { wall: () => Date.now(), monotonic: () => performance.now() };

/** Wall and monotonic clock may drift this far apart between two readings: NTP sets small differences right. */
const TOLERANCE: Millis = 60_000;
/** How old the newest time in the database may be at the start of the server without being suspicious. */
const START_TOLERANCE: Millis = 10 * 60_000;
/** For so long both clocks have to agree before a new wall time counts for expiry. */
export const CLOCK_GRACE: Millis = 15 * 60_000;

/**
 * A clock that compares the wall clock with the monotonic one at every reading. When the wall clock jumps (NTP corrects
 * it, somebody sets it, the machine was asleep), expiry continues from the last trusted time at the monotonic clock's
 * speed, until both clocks have agreed for `CLOCK_GRACE` (docs/decisions/0103-expiry-by-a-trusted-time.md).
 */
export class GuardedClock implements Clock {
  readonly #sources: ClockSources;
  readonly #onJump: (by: Millis) => void;
  /** Wall minus monotonic, as it was while the wall clock was last trusted. */
  #trusted: Millis;
  /** The same difference as last read, and since when (monotonic) it has held. */
  #current: Millis;
  #since: Millis;

  /** @param onJump Told of each jump of the wall clock, ahead or back, in milliseconds. */
  constructor(sources: ClockSources = MACHINE_SOURCES, { onJump = () => {} }: { onJump?: (by: Millis) => void } = {}) {
    this.#sources = sources;
    this.#onJump = onJump;
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
    const { wall, monotonic } = this.#read();
    return Math.min(wall, Math.floor(monotonic + this.#trusted));
  }

  /** For how long the wall clock has agreed with the monotonic one. */
  steadyFor(): Millis {
    return this.#read().monotonic - this.#since;
  }

  /**
   * Compares the wall clock with the newest time that the database knows, once, before anything is removed. If the wall
   * clock is far ahead, it may not have been set yet: expiry starts from `newest`.
   */
  startFrom(newest: Millis): void {
    const { wall, monotonic } = this.#read();
    const ahead = wall - newest;
    if (ahead > START_TOLERANCE) this.#distrust(monotonic, newest - monotonic);
    if (ahead > START_TOLERANCE || ahead < -TOLERANCE) this.#onJump(ahead);
  }

  #read(): { wall: Millis; monotonic: Millis } {
    const wall = this.#sources.wall();
    const monotonic = this.#sources.monotonic();
    const difference = wall - monotonic;
    const jump = difference - this.#current;
    this.#current = difference;
    if (Math.abs(jump) > TOLERANCE) {
      this.#since = monotonic;
      this.#onJump(Math.round(jump));
    }
    // Back where it was before it jumped, or the same for long enough.
    const isTrusted = Math.abs(difference - this.#trusted) <= TOLERANCE || monotonic - this.#since >= CLOCK_GRACE;
    if (isTrusted) this.#trusted = difference;
    return { wall, monotonic };
  }

  #distrust(monotonic: Millis, trusted: Millis): void {
    this.#trusted = trusted;
    this.#since = monotonic;
  }
}
