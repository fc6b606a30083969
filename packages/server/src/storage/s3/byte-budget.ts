const DEFAULT_TOTAL = 32 * 1024 * 1024;

/**
 * How many bytes of bodies all writers together may hold in memory beyond the one chunk each of them holds anyway.
 * Nobody waits on it: a writer that gets nothing goes on with one chunk at a time, which slows its sender down.
 */
export class ByteBudget {
  readonly total: number;
  #reserved = 0;

  constructor(total = DEFAULT_TOTAL) {
    this.total = total;
  }

  /** Bytes out at present. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Takes `bytes`, or nothing and false where that would overdraw. */
  tryReserve(bytes: number): boolean {
    if (this.#reserved + bytes > this.total) return false;
    this.#reserved += bytes;
    return true;
  }

  /** Turns a reservation into the bytes that came; overdraws where a chunk was larger than what was reserved for it. */
  exchange(reserved: number, came: number): void {
    this.#reserved += came - reserved;
  }

  release(bytes: number): void {
    this.#reserved -= bytes;
  }
}
