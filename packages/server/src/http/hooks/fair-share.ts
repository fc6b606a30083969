import type { Clock } from '../../time/clock.ts';

/** What a user may ask for at any time without waiting, in units a second: a request is one, and more if it is large. */
export const UNITS_PER_SECOND = 10;
/** What an unused allowance adds up to. */
export const MAX_UNITS = 40;
/** What all users together get beyond their allowances while the server is busy, in units a second. */
export const EXTRA_UNITS_PER_SECOND = 60;
/** What a user, or all beyond their allowances, can owe: one huge request holds up the next ones for ten seconds at most. */
const MAX_DEBT_SECONDS = 10;
/** From this share of its time on the event loop counts as busy. */
const BUSY_LOAD = 0.4;
/** No request waits longer, in milliseconds: clients must not take the server for dead. */
export const MAX_WAIT = 10_000;
/** A user who has asked for nothing for so long is not active any more, in milliseconds. */
const ACTIVE_FOR = 2_000;
/** How often waiting requests are looked at, in milliseconds. */
export const TICK = 25;
/** How many requests of each user, on average, are released in one tick at most. */
const MAX_RELEASED = 4;
/** How many users are remembered; of more, those that were active the longest ago are forgotten. */
const MAX_KEYS = 10_000;

interface Share {
  isUser: boolean;
  units: number;
  /** When `units` was right and the user last asked for something, by the monotonic clock. */
  at: number;
  waiting: Set<WaitingRequest>;
}

interface WaitingRequest {
  since: number;
  units: number;
  release: () => void;
}

/** How busy the event loop was since this was last asked: 0 to 1. */
type LoopLoad = () => number;

/** The load of this process's event loop. */
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
 * Keeps one user's requests from using up the event loop while others want it too. As long as the loop has time left, or
 * only one user is active, nothing waits. Otherwise requests of those who ask for more than `UNITS_PER_SECOND` wait, in
 * the order in which they came; all of them together get `BEYOND_PER_SECOND`, each user in turn
 * (docs/decisions/0107-serve-users-with-few-requests-first-when-busy.md).
 */
export class FairShare<Key> {
  readonly #clock: Clock;
  readonly #load: LoopLoad;
  readonly #isUser: (key: Key) => boolean;
  /** In the order of their last request. */
  readonly #shares = new Map<Key, Share>();
  /** Users with waiting requests, the one whose turn it is first. */
  readonly #queue = new Set<Share>();
  readonly #extra: { units: number; at: number };
  /** The user who asked for something last, and the one before: when each did so last. */
  #latest: { share: Share | undefined; at: number } = { share: undefined, at: Number.NEGATIVE_INFINITY };
  #previousAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #loadAt = Number.NEGATIVE_INFINITY;
  #isBusy = false;

  /** @param isUser Whether somebody may be slowed down for this key's sake; an address whose user is not known is not. */
  constructor(clock: Clock, load: LoopLoad = eventLoopLoad(), isUser: (key: Key) => boolean = () => true) {
    this.#clock = clock;
    this.#load = load;
    this.#isUser = isUser;
    this.#extra = { units: 0, at: clock.monotonic() };
  }

  /** How many requests wait. */
  get waiting(): number {
    return this.#queue.values().reduce((sum, share) => sum + share.waiting.size, 0);
  }

  /** How many users are remembered. */
  get size(): number {
    return this.#shares.size;
  }

  /** Notes that a user is active whose request waits for nobody. */
  markActive(key: Key): void {
    this.#touch(key);
  }

  /**
   * Resolves when a request of so many units may be handled. If it has to wait, `untilLeft` is called for the signal that
   * its client is gone, and this rejects with that signal's reason once it is aborted.
   */
  async turn(key: Key, units: number, untilLeft: () => AbortSignal): Promise<void> {
    const share = this.#touch(key);
    const mustWait = share.units < 0 && this.#checkBusy() && this.#areOthersActive(share);
    if (mustWait || share.waiting.size > 0) await this.#wait(share, units, untilLeft());
    else this.#spend(share, units);
  }

  /** Takes from a user's allowance, also what a request has cost beyond what was known when it came. */
  charge(key: Key, units: number): void {
    const share = this.#shares.get(key);
    if (share !== undefined) this.#spend(share, units);
  }

  /** Releases requests that have waited long enough, then those for which there is time or an allowance. Called every `TICK`. */
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
    // It is the others' turn next.
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
    if (share.isUser) this.#recordActivity(share, now);
    if (known === undefined) this.#evict(now);
    return share;
  }

  #recordActivity(share: Share, now: number): void {
    if (this.#latest.share !== share) this.#previousAt = this.#latest.at;
    this.#latest = { share, at: now };
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

  #wait(share: Share, units: number, left: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#leave(share, waiting);
        reject(left.reason);
      };
      const release = () => {
        left.removeEventListener('abort', leave);
        resolve();
      };
      const waiting = { since: this.#clock.monotonic(), units, release };
      if (left.aborted) return leave();
      left.addEventListener('abort', leave, { once: true });
      share.waiting.add(waiting);
      this.#queue.add(share);
      this.#timer ??= setInterval(() => this.releaseDue(), TICK).unref();
    });
  }
}

function refill(bucket: { units: number; at: number }, now: number, perSecond: number, most: number): void {
  bucket.units = Math.min(most, bucket.units + ((now - bucket.at) * perSecond) / 1000);
  bucket.at = now;
}
