import type { Native, NativeHash } from '@partway/native/native';
import type { VectorFile } from './write-in-place.ts';

/** A file whose writes run on the threads of the native module, which can also hash the bytes while they are in the cache. */
export class NativeFile implements VectorFile {
  /** Handing a job to a thread and back costs as much as hashing some 30 KiB. */
  readonly preferredBytes: number = 512 * 1024;
  readonly #native: Native;
  readonly #fd: number;
  readonly #hash: NativeHash | undefined;
  readonly #second: NativeHash | undefined;

  /**
   * @param hash Gets the bytes, if there is one.
   * @param second Another hash to which the bytes are added.
   */
  constructor(native: Native, fd: number, hash?: NativeHash, second?: NativeHash) {
    this.#native = native;
    this.#fd = fd;
    this.#hash = hash;
    this.#second = second;
  }

  async writev(buffers: Uint8Array[], position: number): Promise<{ bytesWritten: number }> {
    await this.#native.write({ fd: this.#fd, position }, buffers, this.#hash, this.#second);
    return { bytesWritten: buffers.reduce((sum, { length }) => sum + length, 0) };
  }
}
