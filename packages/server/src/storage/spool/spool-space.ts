import type { Millis, UserId } from '@partway/protocol/ids';
import { coalesce } from '../../util/coalesce.ts';
import { StorageError } from '../errors.ts';

/** Space reserved for one body. */
export interface SpoolReservation {
  /** The body is now only cached, until its space is needed. It no longer counts against the user's share. */
  markCached(): void;
  /** Releases the space. Must be called only once. */
  release(): void;
}

interface Waiting {
  bytes: number;
  by: UserId | undefined;
  admit: () => void;
}

/**
 * Limits how many bytes the spool holds. Requests without space wait in a queue, up to a timeout.
 *
 * A body uses its space for as long as its sender takes, so no user can have all of it: a user with bodies in progress gets
 * more space only if at least as much is left for the other users. For a single user, that is half of the space. A user
 * without bodies in progress is limited only by the total, and a body in progress never waits for another one. So there is
 * always one that can finish.
 */
export class SpoolQuota {
  readonly total: number;
  readonly #timeout: Millis;
  readonly #evict: () => Promise<unknown>;
  readonly #queue: Waiting[] = [];
  /** The space that each user has for bodies in progress. */
  readonly #reservedBy = new Map<UserId, number>();
  #totalInProgress = 0;
  #reserved = 0;
  /** Admits waiting requests while there is space. Called whenever one arrives or leaves, or space is released. */
  readonly #startAdmitting = coalesce(() => this.#admit());

  /** @param evict Releases the space of a cached body, if there is one. */
  constructor(total: number, { timeout, evict }: { timeout: Millis; evict: () => Promise<unknown> }) {
    this.total = total;
    this.#timeout = timeout;
    this.#evict = evict;
  }

  /** The number of bytes that are reserved now. */
  get reserved(): number {
    return this.#reserved;
  }

  /**
   * Reserves space for a body of the user `by`, or without a limit per user if `by` is undefined. Throws `unavailable` after
   * the timeout. If `signal` is aborted, leaves the queue at once and rejects with its reason.
   */
  async reserve(bytes: number, by?: UserId, signal?: AbortSignal): Promise<SpoolReservation> {
    if (bytes > this.total) {
      throw new RangeError(
        `A spool of ${this.total} bytes has no space for a part of ${bytes} bytes. Increase PARTWAY_SPOOL_SIZE.`,
      );
    }
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { bytes, by, admit: resolve };
    this.#queue.push(waiting);
    const stopWaiting = (reason: unknown) => {
      const index = this.#queue.indexOf(waiting);
      // It has just been admitted: the caller has the space and releases it.
      if (index < 0) return;
      this.#queue.splice(index, 1);
      reject(reason);
      void this.#startAdmitting();
    };
    const onAbort = () => stopWaiting(signal?.reason);
    const timer = setTimeout(() => stopWaiting(spoolFullError()), this.#timeout);
    signal?.addEventListener('abort', onAbort);
    void this.#startAdmitting();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
    return this.#reservationFor(waiting);
  }

  #reservationFor({ bytes, by }: Waiting): SpoolReservation {
    let isInProgress = true;
    const endProgress = () => {
      if (isInProgress) this.#count(-bytes, by);
      isInProgress = false;
      void this.#startAdmitting();
    };
    return {
      markCached: endProgress,
      release: () => {
        this.#reserved -= bytes;
        endProgress();
      },
    };
  }

  async #admit(): Promise<void> {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (this.#reserved + next.bytes > this.total) {
        // If this releases space, or anything else does meanwhile, the admission starts again.
        await this.#evict();
        return;
      }
      this.#queue.splice(this.#queue.indexOf(next), 1);
      this.#reserved += next.bytes;
      this.#count(next.bytes, next.by);
      next.admit();
    }
  }

  /** Finds the first request whose user can have more space. If it does not fit, those behind it wait too. */
  #next(): Waiting | undefined {
    return this.#queue.find(({ bytes, by }) => {
      const reserved = by === undefined ? 0 : (this.#reservedBy.get(by) ?? 0);
      return reserved === 0 || reserved + bytes <= this.total - this.#totalInProgress - bytes;
    });
  }

  #count(bytes: number, by: UserId | undefined): void {
    this.#totalInProgress += bytes;
    if (by !== undefined) this.#countFor(by, bytes);
  }

  #countFor(by: UserId, bytes: number): void {
    const reserved = (this.#reservedBy.get(by) ?? 0) + bytes;
    if (reserved === 0) this.#reservedBy.delete(by);
    else this.#reservedBy.set(by, reserved);
  }
}

/** The error for a body for which the spool has no space now. */
export function spoolFullError(cause?: unknown): StorageError {
  return new StorageError(
    'unavailable',
    'The server has no space for another part now. Acknowledged data is safe. Send this part again later.',
    { retryAfterSeconds: 5, cause },
  );
}
