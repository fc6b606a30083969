/** A body handed on in pieces, each of them a body of its own. One piece at a time, in their order. */
export class BodySplitter {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array | undefined;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#source = body[Symbol.asyncIterator]();
  }

  /** The next `most` bytes, or fewer where the body ends before. Throws what the body throws. */
  async *next(most: number): AsyncGenerator<Uint8Array, void, undefined> {
    let missing = most;
    while (missing > 0 && (await this.more())) {
      const chunk = this.#rest as Uint8Array;
      this.#rest = chunk.length > missing ? chunk.subarray(missing) : undefined;
      missing -= Math.min(missing, chunk.length);
      yield this.#rest === undefined ? chunk : chunk.subarray(0, chunk.length - this.#rest.length);
    }
  }

  /** Whether a byte is left. */
  async more(): Promise<boolean> {
    while (this.#rest === undefined || this.#rest.length === 0) {
      const { done, value } = await this.#source.next();
      if (done === true) return false;
      this.#rest = value;
    }
    return true;
  }

  /** Lets go of a body that is not read to its end. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
