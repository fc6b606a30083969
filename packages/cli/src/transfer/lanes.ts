import { SMALL_BYTES } from './side-by-side.ts';

interface Waiting {
  isSmall: boolean;
  enter(): void;
}

/** Lets files send their bytes in their order: up to so many small ones at a time, a large one alone. */
export class Lines {
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
