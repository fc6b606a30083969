/** Lets so many in at a time, the smallest number first; others wait. */
export class PrioritySemaphore {
  #limit: number;
  #inside = 0;
  #pausedUntil = 0;
  #waiting: { order: number; enter(): void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Those inside stay when the limit falls. */
  set limit(limit: number) {
    this.#limit = limit;
    this.#admit();
  }

  /** Resolves once there is room. Whoever was let in leaves again. Rejects with the signal's reason. */
  enter(order: number, signal: AbortSignal): Promise<void> {
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
      const before = this.#waiting.findIndex((other) => other.order > order);
      this.#waiting.splice(before === -1 ? this.#waiting.length : before, 0, waiter);
      this.#admit();
    });
  }

  /** Lets nobody in for so long. */
  pause(millis: number): void {
    const until = performance.now() + millis;
    if (until <= this.#pausedUntil) return;
    this.#pausedUntil = until;
    setTimeout(() => this.#admit(), millis + 1);
  }

  leave(): void {
    this.#inside -= 1;
    this.#admit();
  }

  #admit(): void {
    while (this.#inside < this.#limit && performance.now() >= this.#pausedUntil) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#inside += 1;
      next.enter();
    }
  }
}

/** So many places; whoever takes one gives it back by `leave`. For one who takes them, one after the other. */
export class Semaphore {
  #count: number;
  #taken = 0;
  #waiting: (() => void) | undefined;

  constructor(count: number) {
    this.#count = count;
  }

  /** Those who sit stay when there are fewer. */
  set count(count: number) {
    this.#count = count;
    this.#call();
  }

  /** Resolves once there is a place. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<void> {
    while (this.#taken >= this.#count) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const onAbort = () => reject(signal.reason);
      this.#waiting = resolve;
      signal.addEventListener('abort', onAbort, { once: true });
      await promise.finally(() => signal.removeEventListener('abort', onAbort));
    }
    this.#taken += 1;
  }

  leave(): void {
    this.#taken -= 1;
    this.#call();
  }

  #call(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}
