import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ByteRange } from '../blob-store.ts';
import type { ByteBudget } from '../s3/byte-budget.ts';

/** What one read takes from the disk: 64 KiB costs twice the CPU of it, 1 MiB saves no more. */
const READ_BYTES = 512 * 1024;
/** The same once the budget is used up. */
const SMALL_READ_BYTES = 16 * 1024;

/**
 * The bytes of a file, or a range of them. Reads no further than what its reader has taken; what it holds for the reader
 * meanwhile is drawn from `budget`, but for 16 KiB. Closes the file when it ends or is destroyed.
 */
export class FileReader extends Readable {
  readonly #file: FileHandle;
  readonly #budget: ByteBudget;
  #position: number;
  #missing: number;
  #drawn = 0;

  constructor(file: FileHandle, { first, last }: ByteRange, budget: ByteBudget) {
    // Or the next bytes would be read while those before them wait for a slow reader.
    super({ highWaterMark: 0 });
    this.#file = file;
    this.#budget = budget;
    this.#position = first;
    this.#missing = last - first + 1;
  }

  override _read(): void {
    this.#release();
    if (this.#missing <= 0) {
      this.push(null);
      return;
    }
    const wanted = Math.min(READ_BYTES, this.#missing);
    if (wanted > SMALL_READ_BYTES && this.#budget.tryReserve(wanted)) this.#drawn = wanted;
    const buffer = Buffer.allocUnsafeSlow(this.#drawn || Math.min(SMALL_READ_BYTES, wanted));
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
      this.destroy(new Error(`the file ended ${this.#missing} bytes before its end`));
      return;
    }
    this.#position += bytes.length;
    this.#missing -= bytes.length;
    this.push(bytes);
  }

  #release(): void {
    this.#budget.release(this.#drawn);
    this.#drawn = 0;
  }
}
