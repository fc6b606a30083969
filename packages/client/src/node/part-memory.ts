/** Free memory beyond this goes back to the system. */
const KEPT = 64 * 1024 * 1024;

/**
 * The memory of parts on their way: taken for a part, given back, taken again, by all uploads of a client. Left to the
 * garbage collection, an upload after another would hold several times what is in use. Shared, so that a thread can fill it.
 */
export class PartMemory {
  #free: SharedArrayBuffer[] = [];

  take(size: number): SharedArrayBuffer {
    const at = this.#free.findIndex(({ byteLength }) => byteLength === size);
    if (at === -1) return new SharedArrayBuffer(size);
    return this.#free.splice(at, 1)[0] ?? new SharedArrayBuffer(size);
  }

  release(memory: SharedArrayBuffer): void {
    this.#free.push(memory);
    let kept = this.#free.reduce((sum, { byteLength }) => sum + byteLength, 0);
    // The oldest are of the part size that is used no more.
    while (kept > KEPT) kept -= this.#free.shift()?.byteLength ?? 0;
  }

  clear(): void {
    this.#free = [];
  }
}
