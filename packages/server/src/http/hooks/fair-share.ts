import type { Clock } from '../../time/clock.ts';

/** Each user's allowance, in units per second. A request costs one unit, or more if it is large. */
export const UNITS_PER_SECOND = 10;
/** The maximum that an unused allowance can accumulate to. */
export const MAX_UNITS = 40;
/** The units per second that all users share beyond their allowances while the server is busy. */
export const EXTRA_UNITS_PER_SECOND = 60;
/** Limits the debt of a user, and of the shared units: a huge request delays later ones for at most this time. */
const MAX_DEBT_SECONDS = 10;
/** The event loop counts as busy if it is active for this fraction of the time. */
const BUSY_LOAD = 0.4;
/** The maximum wait of a request, in milliseconds, so that clients do not assume that the server is down. */
export const MAX_WAIT = 10_000;
/** A user counts as active for this time after a request, in milliseconds. */
const ACTIVE_FOR = 2_000;
/** How often waiting requests are checked, in milliseconds. */
export const TICK = 25;
/** Maximum requests released per tick, times the number of waiting users. */
const MAX_RELEASED = 4;
/** Maximum users in memory. The least recently active ones are evicted. */
const MAX_KEYS = 10_000;

interface Share {
  isUser: boolean;
  units: number;
  /** The time of the user's last request, for which `units` is valid, by the monotonic clock. */
  at: number;
  waiting: Set<WaitingRequest>;
}

interface WaitingRequest {
  since: number;
  units: number;
  release: () => void;
}

/** Returns the fraction of the time since the last call in which the event loop was active, from 0 to 1. */
type LoopLoad = () => number;

/** Measures the event loop of this process. */
export function eventLoopLoad(): LoopLoad {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}

/**
 * Keeps one user's requests from taking the whole event loop while other users are active. Nothing waits as long as the
 * event loop is not busy or only one user is active. Otherwise requests of users beyond `UNITS_PER_SECOND` wait in
 * order of arrival. Together, these users get `EXTRA_UNITS_PER_SECOND` in turns
 * (docs/decisions/0107-serve-users-with-few-requests-first-when-busy.md).
 */
export class FairShare<Key> {
  readonly #clock: Clock;
  readonly #load: LoopLoad;
  readonly #isUser: (key: Key) => boolean;
  /** In the order of their last request. */
  readonly #shares = new Map<Key, Share>();
  /** Users with waiting requests; the first one is next. */
  readonly #queue = new Set<Share>();
  readonly #extra: { units: number; at: number };
  /** The last active user, and the time at which any other user was last active. */
  #latest: { share: Share | undefined; at: number } = { share: undefined, at: Number.NEGATIVE_INFINITY };
  #previousAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #loadAt = Number.NEGATIVE_INFINITY;
  #isBusy = false;

  /** @param isUser Whether activity of this key can delay other users. False for addresses without a known user. */
  constructor(clock: Clock, load: LoopLoad = eventLoopLoad(), isUser: (key: Key) => boolean = () => true) {
    this.#clock = clock;
    this.#load = load;
    this.#isUser = isUser;
    this.#extra = { units: 0, at: clock.monotonic() };
  }

  /** The number of waiting requests. */
  get waiting(): number {
    return this.#queue.values().reduce((sum, share) => sum + share.waiting.size, 0);
  }

  /** The number of users in memory. */
  get size(): number {
    return this.#shares.size;
  }

  /** Records that a user is active, for requests that never wait. */
  markActive(key: Key): void {
    this.#touch(key);
  }

  /**
   * Resolves when a request with this cost can be handled. If it has to wait, `getSignal` provides a signal that is
   * aborted when the client disconnects; then this rejects with the signal's reason.
   */
  async turn(key: Key, units: number, getSignal: () => AbortSignal): Promise<void> {
    const share = this.#touch(key);
    const mustWait = share.units < 0 && this.#checkBusy() && this.#areOthersActive(share);
    if (mustWait || share.waiting.size > 0) await this.#wait(share, units, getSignal());
    else this.#spend(share, units);
  }

  /** Charges costs of a request that were not known when it started. */
  charge(key: Key, units: number): void {
    const share = this.#shares.get(key);
    if (share !== undefined) this.#spend(share, units);
  }

  /**
   * Releases requests that have waited for `MAX_WAIT`, then as many others as the shared units allow. Runs every
   * `TICK`.
   */
  releaseDue(): void {
    const now = this.#clock.monotonic();
    refill(this.#extra, now, EXTRA_UNITS_PER_SECOND, (EXTRA_UNITS_PER_SECOND * TICK) / 1000);
    const isBusy = this.#checkBusy();
    for (const share of this.#queue) {
      for (const one of share.waiting) {
        if (now - one.since < MAX_WAIT) break;
        this.#release(share, one);
      }
    }
    for (let left = MAX_RELEASED * this.#queue.size; left > 0; left -= 1) {
      const [share] = this.#queue;
      const [first] = share?.waiting ?? [];
      if (share === undefined || first === undefined || (isBusy && this.#extra.units <= 0)) break;
      this.#release(share, first);
    }
    if (this.#queue.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #release(share: Share, one: WaitingRequest): void {
    this.#leave(share, one);
    // The user moves to the end of the queue.
    if (this.#queue.delete(share)) this.#queue.add(share);
    this.#spend(share, one.units);
    one.release();
  }

  #leave(share: Share, one: WaitingRequest): void {
    share.waiting.delete(one);
    if (share.waiting.size === 0) this.#queue.delete(share);
  }

  #spend(share: Share, units: number): void {
    if (share.units < 0) {
      this.#extra.units = Math.max(-MAX_DEBT_SECONDS * EXTRA_UNITS_PER_SECOND, this.#extra.units - units);
    }
    share.units = Math.max(-MAX_DEBT_SECONDS * UNITS_PER_SECOND, share.units - units);
  }

  #touch(key: Key): Share {
    const now = this.#clock.monotonic();
    const known = this.#shares.get(key);
    const share = known ?? { isUser: this.#isUser(key), units: MAX_UNITS, at: now, waiting: new Set() };
    refill(share, now, UNITS_PER_SECOND, MAX_UNITS);
    this.#shares.delete(key);
    this.#shares.set(key, share);
    if (share.isUser) {
      if (this.#latest.share !== share) this.#previousAt = this.#latest.at;
      this.#latest = { share, at: now };
    }
    if (known === undefined) this.#evict(now);
    return share;
  }

  #evict(now: number): void {
    for (const [key, { at, waiting }] of this.#shares) {
      const isLikeNew = now - at > (MAX_DEBT_SECONDS + MAX_UNITS / UNITS_PER_SECOND) * 1000;
      if (this.#shares.size <= MAX_KEYS && !isLikeNew) return;
      if (waiting.size === 0) this.#shares.delete(key);
    }
  }

  #areOthersActive(share: Share): boolean {
    const otherAt = this.#latest.share === share ? this.#previousAt : this.#latest.at;
    if (this.#clock.monotonic() - otherAt <= ACTIVE_FOR) return true;
    return this.#queue.values().some((other) => other !== share && other.isUser);
  }

  #checkBusy(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#loadAt >= TICK) {
      this.#isBusy = this.#load() >= BUSY_LOAD;
      this.#loadAt = now;
    }
    return this.#isBusy;
  }

  #wait(share: Share, units: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#leave(share, waiting);
        reject(signal.reason);
      };
      const release = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const waiting = { since: this.#clock.monotonic(), units, release };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      share.waiting.add(waiting);
      this.#queue.add(share);
      this.#timer ??= setInterval(() => this.releaseDue(), TICK).unref();
    });
  }
}

function refill(bucket: { units: number; at: number }, now: number, perSecond: number, max: number): void {
  bucket.units = Math.min(max, bucket.units + ((now - bucket.at) * perSecond) / 1000);
  bucket.at = now;
}
