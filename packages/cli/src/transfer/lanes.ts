interface Waiting {
  isSmall: boolean;
  enter(): void;
}

/** Decides which files are transferred concurrently, in order: several small files, or one large file alone. */
export class TransferLanes {
  readonly #maxSmall: number;
  readonly #waiting: Waiting[] = [];
  #smallRunning = 0;
  #isLargeRunning = false;

  constructor(maxSmall: number) {
    this.#maxSmall = maxSmall;
  }

  /** Calls `work` when it is its turn. Rejects with the signal's reason if it is aborted before. */
  async run<T>(size: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const isSmall = size < SMALL_BYTES;
    await this.#enter(isSmall, signal);
    try {
      return await work();
    } finally {
      if (isSmall) this.#smallRunning -= 1;
      else this.#isLargeRunning = false;
      this.#admit();
    }
  }

  #enter(isSmall: boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
      };
      const waiting = {
        isSmall,
        enter() {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiting);
      this.#admit();
    });
  }

  #admit(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#isLargeRunning || this.#smallRunning >= (next.isSmall ? this.#maxSmall : 1))
        return;
      this.#waiting.shift();
      if (next.isSmall) this.#smallRunning += 1;
      else this.#isLargeRunning = true;
      next.enter();
    }
  }
}

/** Larger files are uploaded in parts. A single one uses all of the available bandwidth, also for a download. */
export const SMALL_BYTES = 20_000_000;
const MAX_SMALL = 4;

/**
 * Calls `work` for each file, in order: up to four small files concurrently, and a large one alone. Starts no more files
 * after `signal` is aborted.
 */
export async function runConcurrently<File extends { size: number }>(
  files: AsyncIterable<File>,
  work: (file: File) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const running = new Set<Promise<void>>();
  try {
    for await (const file of files) {
      if (signal.aborted) break;
      const isSmall = file.size < SMALL_BYTES;
      while (running.size >= (isSmall ? MAX_SMALL : 1)) await Promise.race(running);
      const task: Promise<void> = work(file).finally(() => running.delete(task));
      running.add(task);
      if (!isSmall) await task;
    }
  } finally {
    await Promise.all(running);
  }
}
