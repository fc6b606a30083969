import type { Millis, UserId } from '@partway/protocol/ids';
import { StorageError } from '../errors.ts';

/** Room that was taken for a body. */
export interface SpoolReservation {
  /** The body is kept only as long as nobody needs its room: it is held against nobody from now on. */
  markCached(): void;
  /** Gives the room back; once. */
  release(): void;
}

interface Waiting {
  bytes: number;
  by: UserId | undefined;
  admit: () => void;
}

/**
 * How many bytes the spool may hold. Whoever finds no room waits for it in line, and not for ever.
 *
 * A body holds its room for as long as its sender likes, so no user may have all of it: with a further body, one who has
 * some under way may hold no more than is left for the others. For one user that is half of the room. Who has nothing
 * under way is held to the room alone, and a body under way waits for no other: so there is always one who gets on.
 */
export class SpoolQuota {
  readonly total: number;
  readonly #timeout: Millis;
  readonly #evict: () => Promise<boolean>;
  readonly #queue: Waiting[] = [];
  /** Of bodies under way: how much of the room each user has, and all of them. */
  readonly #reservedBy = new Map<UserId, number>();
  #inProgress = 0;
  #reserved = 0;
  #isDue = false;
  #isServing = false;

  /** `makeRoom` gives bytes back that nobody needs, by `give`, and says whether there were any. */
  constructor(total: number, { timeout, makeRoom }: { timeout: Millis; makeRoom: () => Promise<boolean> }) {
    this.total = total;
    this.#timeout = timeout;
    this.#evict = makeRoom;
  }

  /** Bytes out at present. */
  get reserved(): number {
    return this.#reserved;
  }

  /**
   * Resolves once `bytes` are the caller's, for a body that comes from `by`; where nobody is named, the room alone is the
   * limit. Refuses as `unavailable` after the time that one may wait, and rejects with the reason of `signal`, whose place
   * in line is given up at once, when that is aborted.
   */
  async reserve(bytes: number, by?: UserId, signal?: AbortSignal): Promise<SpoolReservation> {
    if (bytes > this.total) {
      throw new RangeError(`a spool of ${this.total} bytes cannot hold a part of ${bytes}: raise PARTWAY_SPOOL_SIZE`);
    }
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { bytes, by, admit: resolve };
    this.#queue.push(waiting);
    const leave = (reason: unknown) => {
      const at = this.#queue.indexOf(waiting);
      // Let in a moment ago: the room is the caller's, to give back.
      if (at < 0) return;
      this.#queue.splice(at, 1);
      reject(reason);
      this.#serve();
    };
    const onAbort = () => leave(signal?.reason);
    const timer = setTimeout(() => leave(spoolFullError()), this.#timeout);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#serve();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
    return this.#reservationFor(waiting);
  }

  #reservationFor({ bytes, by }: Waiting): SpoolReservation {
    let underWay = true;
    const free = () => {
      if (underWay) this.#count(-bytes, by);
      underWay = false;
      this.#serve();
    };
    return {
      markCached: free,
      release: () => {
        this.#reserved -= bytes;
        free();
      },
    };
  }

  /** Admits whoever waits, as far as there is room; one run at a time, and another if somebody came during it. */
  #serve(): void {
    this.#isDue = true;
    if (this.#isServing) return;
    this.#isServing = true;
    void this.#admitWhileDue();
  }

  async #admitWhileDue(): Promise<void> {
    try {
      while (this.#isDue) {
        this.#isDue = false;
        await this.#admit();
      }
    } finally {
      // In the same turn in which nothing was due, so that whoever comes next begins another run.
      this.#isServing = false;
    }
  }

  async #admit(): Promise<void> {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (!this.#fits(next)) {
        if (await this.#evict()) continue;
        // Bytes may have come back, and whoever was next may have left, while it looked.
        next = this.#next();
        if (next === undefined || !this.#fits(next)) return;
      }
      this.#queue.splice(this.#queue.indexOf(next), 1);
      this.#reserved += next.bytes;
      this.#count(next.bytes, next.by);
      next.admit();
    }
  }

  /** The first in line who may have more. Where there is no room for that one, those behind wait too. */
  #next(): Waiting | undefined {
    return this.#queue.find(({ bytes, by }) => {
      const held = by === undefined ? 0 : (this.#reservedBy.get(by) ?? 0);
      return held === 0 || held + bytes <= this.total - this.#inProgress - bytes;
    });
  }

  #fits(waiting: Waiting | undefined): boolean {
    return waiting !== undefined && this.#reserved + waiting.bytes <= this.total;
  }

  #count(bytes: number, by: UserId | undefined): void {
    this.#inProgress += bytes;
    if (by === undefined) return;
    const held = (this.#reservedBy.get(by) ?? 0) + bytes;
    if (held === 0) this.#reservedBy.delete(by);
    else this.#reservedBy.set(by, held);
  }
}

/** The refusal of a body for which the spool has no room at present. */
export function spoolFullError(cause?: unknown): StorageError {
  return new StorageError(
    'unavailable',
    'This server has no room for a further part at present. What was acknowledged stands; send this one again later.',
    { retryAfterSeconds: 5, cause },
  );
}
