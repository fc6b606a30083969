interface Waiting {
  isSmall: boolean;
  enter(): void;
}

/** Lets files send their bytes in their order: up to so many small ones at a time, a large one alone. */
export class TransferLanes {
  readonly #most: number;
  readonly #waiting: Waiting[] = [];
  #small = 0;
  #large = false;

  constructor(mostSmall: number) {
    this.#most = mostSmall;
  }

  /** Does the work once its turn has come. Rejects with the signal's reason if that is aborted before. */
  async run<T>(size: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const isSmall = size < SMALL_BYTES;
    await this.#enter(isSmall, signal);
    try {
      return await work();
    } finally {
      if (isSmall) this.#small -= 1;
      else this.#large = false;
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
      if (next === undefined || this.#large || this.#small >= (next.isSmall ? this.#most : 1)) return;
      this.#waiting.shift();
      if (next.isSmall) this.#small += 1;
      else this.#large = true;
      next.enter();
    }
  }
}

/** From this size on a file goes up in parts; up or down, it fills the line by itself. */
export const SMALL_BYTES = 20_000_000;
const SMALL_AT_A_TIME = 4;

/**
 * Does the work for each file in its order: up to four small ones at a time, a large one alone. Until `signal` is aborted;
 * then nothing more is begun.
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
      const small = file.size < SMALL_BYTES;
      while (running.size >= (small ? SMALL_AT_A_TIME : 1)) await Promise.race(running);
      const one: Promise<void> = work(file).finally(() => running.delete(one));
      running.add(one);
      if (!small) await one;
    }
  } finally {
    await Promise.all(running);
  }
}
