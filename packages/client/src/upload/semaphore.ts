/** A semaphore that admits the waiter with the smallest number first. */
export class PrioritySemaphore {
  #limit: number;
  #active = 0;
  #pausedUntil = 0;
  #waiting: { order: number; enter(): void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Lowering the limit does not affect permits that are already acquired. */
  set limit(limit: number) {
    this.#limit = limit;
    this.#admit();
  }

  /** Acquires a permit, which the caller has to release. Rejects with the signal's reason. */
  acquire(order: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter = {
        order,
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

  /** Admits nobody for this long. */
  pause(millis: number): void {
    const until = performance.now() + millis;
    if (until <= this.#pausedUntil) return;
    this.#pausedUntil = until;
    setTimeout(() => this.#admit(), millis + 1);
  }

  release(): void {
    this.#active -= 1;
    this.#admit();
  }

  #admit(): void {
    while (this.#active < this.#limit && performance.now() >= this.#pausedUntil) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#active += 1;
      next.enter();
    }
  }
}

/** A semaphore for a single caller that acquires permits one after the other. */
export class Semaphore {
  #count: number;
  #acquired = 0;
  #waiting: (() => void) | undefined;

  constructor(count: number) {
    this.#count = count;
  }

  /** Lowering the count does not affect permits that are already acquired. */
  set count(count: number) {
    this.#count = count;
    this.#wake();
  }

  /** Acquires a permit, which has to be released. Rejects with the signal's reason. */
  async acquire(signal: AbortSignal): Promise<void> {
    while (this.#acquired >= this.#count) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const onAbort = () => reject(signal.reason);
      this.#waiting = resolve;
      signal.addEventListener('abort', onAbort, { once: true });
      await promise.finally(() => signal.removeEventListener('abort', onAbort));
    }
    this.#acquired += 1;
  }

  release(): void {
    this.#acquired -= 1;
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}
