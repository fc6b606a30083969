interface AcquireOptions {
  /** Waiters with a smaller number enter first, and those with the same number in the order of their calls. */
  order?: number;
  /** Must not be more than the limit. */
  permits?: number;
}

interface Waiter extends Required<AcquireOptions> {
  enter(): void;
}

/**
 * Limits how much runs concurrently. The first waiter enters when there are enough permits; until then, nobody behind it
 * enters.
 */
export class Semaphore {
  #limit: number;
  #acquired = 0;
  #pausedUntil = 0;
  readonly #waiting: Waiter[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Lowering the limit does not affect permits that are already acquired. */
  set limit(limit: number) {
    this.#limit = limit;
    this.#admit();
  }

  /** Acquires permits, by default one, which the caller has to release. Rejects with the signal's reason. */
  acquire(signal: AbortSignal, { order = 0, permits = 1 }: AcquireOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
        this.#admit();
      };
      const waiter = {
        order,
        permits,
        enter() {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const index = this.#waiting.findIndex((other) => other.order > order);
      this.#waiting.splice(index === -1 ? this.#waiting.length : index, 0, waiter);
      this.#admit();
    });
  }

  release(permits = 1): void {
    this.#acquired -= permits;
    this.#admit();
  }

  /** Admits nobody for this long. */
  pause(millis: number): void {
    const until = performance.now() + millis;
    if (until <= this.#pausedUntil) return;
    this.#pausedUntil = until;
    setTimeout(() => this.#admit(), millis + 1);
  }

  #admit(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#acquired + next.permits > this.#limit) return;
      if (performance.now() < this.#pausedUntil) return;
      this.#waiting.shift();
      this.#acquired += next.permits;
      next.enter();
    }
  }
}
