import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ByteRange } from '../blob-store.ts';
import type { ByteBudget } from '../byte-budget.ts';

/** The size of one read from the disk. 64 KiB costs twice the CPU time, and 1 MiB saves nothing more. */
const READ_BYTES = 512 * 1024;
/** The size of a read when the budget is used up. */
const SMALL_READ_BYTES = 16 * 1024;

/**
 * Reads a range of a file. Does not read ahead of its consumer. Reserves its buffer from `budget`, or uses 16 KiB if the
 * budget is used up. Closes the file when it ends or is destroyed.
 */
export class FileReader extends Readable {
  readonly #file: FileHandle;
  readonly #budget: ByteBudget;
  #position: number;
  #remaining: number;
  #reserved = 0;

  constructor(file: FileHandle, { first, last }: ByteRange, budget: ByteBudget) {
    // With a buffer, the next bytes would be read while earlier ones wait for a slow consumer.
    super({ highWaterMark: 0 });
    this.#file = file;
    this.#budget = budget;
    this.#position = first;
    this.#remaining = last - first + 1;
  }

  override _read(): void {
    this.#release();
    if (this.#remaining <= 0) {
      this.push(null);
      return;
    }
    const wanted = Math.min(READ_BYTES, this.#remaining);
    if (wanted > SMALL_READ_BYTES && this.#budget.tryReserve(wanted)) this.#reserved = wanted;
    const buffer = Buffer.allocUnsafeSlow(this.#reserved || Math.min(SMALL_READ_BYTES, wanted));
    this.#file.read(buffer, 0, buffer.length, this.#position).then(
      ({ bytesRead }) => this.#onRead(buffer.subarray(0, bytesRead)),
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#release();
    this.#file.close().then(
      () => done(error),
      (failure: Error) => done(error ?? failure),
    );
  }

  #onRead(bytes: Buffer): void {
    if (this.destroyed) return;
    if (bytes.length === 0) {
      this.destroy(new Error(`The file ended ${this.#remaining} bytes too early.`));
      return;
    }
    this.#position += bytes.length;
    this.#remaining -= bytes.length;
    this.push(bytes);
  }

  #release(): void {
    this.#budget.release(this.#reserved);
    this.#reserved = 0;
  }
}
