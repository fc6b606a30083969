/** Gives the bytes of a stream in pieces of the sizes that are asked for, copying each byte once. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #name: string;
  #rest: Uint8Array = new Uint8Array();
  #given = 0;

  constructor(chunks: AsyncIterable<Uint8Array>, name: string) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#name = name;
  }

  /** Fills all of `target`. @throws where the stream ends before. */
  async fill(target: Uint8Array): Promise<void> {
    for (let filled = 0; filled < target.byteLength; ) {
      if (this.#rest.byteLength === 0 && !(await this.#next())) {
        throw new Error(`${this.#name} ended after ${this.#given} bytes; more were announced.`);
      }
      const piece = this.#rest.subarray(0, target.byteLength - filled);
      target.set(piece, filled);
      filled += piece.byteLength;
      this.#given += piece.byteLength;
      this.#rest = this.#rest.subarray(piece.byteLength);
    }
  }

  /** @throws where there is more. */
  async end(): Promise<void> {
    while (this.#rest.byteLength === 0) if (!(await this.#next())) return;
    throw new Error(`${this.#name} has more bytes than the ${this.#given} that were announced.`);
  }

  /** Tells the stream that no more is wanted. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #next(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    if (!(value instanceof Uint8Array)) {
      throw new TypeError(`${this.#name} gave a chunk that is not bytes: a stream must not decode them to text.`);
    }
    this.#rest = value;
    return true;
  }
}
