/**
 * Runs the batches of all long operations one at a time, in the order of the calls. Other requests therefore wait for one
 * batch at most, no matter how many trees are being copied and deleted.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  async run<T>(batch: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const previous = this.#last;
    this.#last = promise;
    await previous;
    try {
      return await batch();
    } finally {
      resolve();
    }
  }
}
