import { Semaphore } from '@partway/client/upload/semaphore';
import { MIN_SESSION_SIZE } from '@partway/client/upload/upload-file';
import { forEachConcurrently } from './for-each-concurrently.ts';

/** How many small files are transferred concurrently by default. */
const DEFAULT_SMALL = 4;

/** Decides which files are transferred concurrently, in order: several small files, or one large file alone. */
export class TransferLanes {
  readonly #maxSmall: number;
  readonly #semaphore: Semaphore;

  constructor(maxSmall: number = DEFAULT_SMALL) {
    this.#maxSmall = maxSmall;
    this.#semaphore = new Semaphore(maxSmall);
  }

  /** Calls `work` when it is its turn. Rejects with the signal's reason if it is aborted before. */
  async run<T>(size: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const permits = countPermits(size, this.#maxSmall);
    await this.#semaphore.acquire(signal, { permits });
    try {
      // The abort of another waiter can have admitted this one.
      signal.throwIfAborted();
      return await work();
    } finally {
      this.#semaphore.release(permits);
    }
  }
}

/**
 * Calls `work` for each file, in order: up to `maxSmall` small files concurrently, and a large one alone. Starts no more
 * files after `signal` is aborted.
 */
export function runConcurrently<File extends { size: number }>(
  files: AsyncIterable<File>,
  work: (file: File) => Promise<void>,
  { signal, maxSmall = DEFAULT_SMALL }: { signal: AbortSignal; maxSmall?: number | undefined },
): Promise<void> {
  const permitsFor = ({ size }: File) => countPermits(size, maxSmall);
  return forEachConcurrently(files, { max: maxSmall, permitsFor }, work, signal);
}

function countPermits(size: number, maxSmall: number): number {
  // Other files are uploaded in parts. A single one uses all of the available bandwidth, also for a download.
  return size < MIN_SESSION_SIZE ? 1 : maxSmall;
}
