/** Reads a stream in chunks of any requested size, copying each byte once. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #name: string;
  #buffered: Uint8Array = new Uint8Array();
  #bytesRead = 0;

  constructor(chunks: AsyncIterable<Uint8Array>, name: string) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#name = name;
  }

  /** Fills all of `target`. @throws if the stream ends before. */
  async fill(target: Uint8Array): Promise<void> {
    for (let filled = 0; filled < target.byteLength; ) {
      if (this.#buffered.byteLength === 0 && !(await this.#next())) {
        throw new Error(`${this.#name} ended after ${this.#bytesRead} bytes, before its declared size.`);
      }
      const chunk = this.#buffered.subarray(0, target.byteLength - filled);
      target.set(chunk, filled);
      filled += chunk.byteLength;
      this.#bytesRead += chunk.byteLength;
      this.#buffered = this.#buffered.subarray(chunk.byteLength);
    }
  }

  /** @throws if the stream has more bytes. */
  async assertEnd(): Promise<void> {
    while (this.#buffered.byteLength === 0) if (!(await this.#next())) return;
    throw new Error(`${this.#name} has more bytes than its declared size of ${this.#bytesRead}.`);
  }

  /** Ends the stream early. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #next(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    if (!(value instanceof Uint8Array)) {
      throw new TypeError(`${this.#name} returned a chunk that is not bytes. The stream must not decode them to text.`);
    }
    this.#buffered = value;
    return true;
  }
}
