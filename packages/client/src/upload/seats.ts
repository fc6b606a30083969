/** So many places; whoever takes one gives it back by `leave`. For one who takes them, one after the other. */
export class Seats {
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
