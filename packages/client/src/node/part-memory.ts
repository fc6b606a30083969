/** More free memory than this is returned to the system. */
const MAX_FREE_BYTES = 64 * 1024 * 1024;

/**
 * A pool of buffers for parts in progress, shared by all uploads of a client. Without it, several uploads in a row would
 * use several times the memory, until the garbage collector runs. Buffers are shared memory, so that a thread can fill them.
 */
export class PartMemory {
  #free: SharedArrayBuffer[] = [];

  allocate(size: number): SharedArrayBuffer {
    const index = this.#free.findIndex(({ byteLength }) => byteLength === size);
    if (index === -1) return new SharedArrayBuffer(size);
    return this.#free.splice(index, 1)[0] ?? new SharedArrayBuffer(size);
  }

  release(memory: SharedArrayBuffer): void {
    this.#free.push(memory);
    let freeBytes = this.#free.reduce((sum, { byteLength }) => sum + byteLength, 0);
    // The oldest buffers have a part size that is no longer used.
    while (freeBytes > MAX_FREE_BYTES) freeBytes -= this.#free.shift()?.byteLength ?? 0;
  }

  clear(): void {
    this.#free = [];
  }
}
