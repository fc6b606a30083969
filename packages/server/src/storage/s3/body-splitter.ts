/** Splits a body into chunks, each of which is a body itself. The caller reads one chunk at a time, in order. */
export class BodySplitter {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#source = body[Symbol.asyncIterator]();
  }

  /** Yields the next `maxBytes` bytes, or fewer if the body ends. Throws the errors of the body. */
  async *next(maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    let remaining = maxBytes;
    while (remaining > 0 && (await this.hasMore())) {
      const chunk = this.#rest.subarray(0, remaining);
      this.#rest = this.#rest.subarray(chunk.length);
      remaining -= chunk.length;
      yield chunk;
    }
  }

  /** Whether any bytes remain. */
  async hasMore(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#source.next();
      if (done === true) return false;
      this.#rest = value;
    }
    return true;
  }

  /** Ends a body that is not read to its end. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
