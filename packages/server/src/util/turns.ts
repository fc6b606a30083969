/**
 * One batch of all long operations at a time, in the order in which they asked. However many trees are being copied and
 * deleted, any other request waits for one batch at most.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  async run<T>(batch: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#last;
    this.#last = promise;
    await before;
    try {
      return await batch();
    } finally {
      resolve();
    }
  }
}
