const DEFAULT_TOTAL = 32 * 1024 * 1024;

/**
 * Limits how many bytes of bodies all writers together hold in memory, beyond the one chunk that each of them always has.
 * Nothing waits for it: a writer that gets no bytes continues with one chunk at a time, which slows its sender down.
 */
export class ByteBudget {
  readonly total: number;
  #reserved = 0;

  constructor(total = DEFAULT_TOTAL) {
    this.total = total;
  }

  /** The number of bytes that are reserved now. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Reserves `bytes`. Returns false, and reserves nothing, if that would exceed the total. */
  tryReserve(bytes: number): boolean {
    if (this.#reserved + bytes > this.total) return false;
    this.#reserved += bytes;
    return true;
  }

  /** Replaces a reservation by the bytes received. This can exceed the total if the chunk is larger than its reservation. */
  exchange(reserved: number, received: number): void {
    this.#reserved += received - reserved;
  }

  release(bytes: number): void {
    this.#reserved -= bytes;
  }
}
