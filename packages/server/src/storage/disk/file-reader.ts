import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Native } from '@partway/native/native';
import type { ByteRange, FileStream, SendingTransfer } from '../blob-store.ts';
import type { ByteBudget } from '../byte-budget.ts';

/** The size of one read from the disk. 64 KiB costs twice the CPU time, and 1 MiB saves nothing more. */
const READ_BYTES = 512 * 1024;
/** The size of a read when the budget is used up. */
const SMALL_READ_BYTES = 16 * 1024;

interface FileReaderOptions {
  /** Limits how much memory all readers together can use. */
  budget: ByteBudget;
  /** Sends files to connections. */
  native?: Native | undefined;
}

/**
 * Reads a range of a file. Does not read ahead of its consumer. Reserves its buffer from `budget`, or uses 16 KiB if the
 * budget is used up. Closes the file when it ends or is destroyed.
 */
export class FileReader extends Readable implements FileStream {
  readonly #file: FileHandle;
  readonly #budget: ByteBudget;
  readonly #native: Native | undefined;
  #position: number;
  #remaining: number;
  #reserved = 0;
  #sending: SendingTransfer | undefined;

  constructor(file: FileHandle, { first, last }: ByteRange, { budget, native }: FileReaderOptions) {
    // With a buffer, the next bytes would be read while earlier ones wait for a slow consumer.
    super({ highWaterMark: 0 });
    this.#file = file;
    this.#budget = budget;
    this.#native = native;
    this.#position = first;
    this.#remaining = last - first + 1;
  }

  sendTo(connection: { fd: number }): SendingTransfer | undefined {
    const { fd } = this.#file;
    const place = { fd, position: this.#position, length: this.#remaining };
    this.#sending = this.#native?.send(connection, place);
    return this.#sending;
  }

  async *views(): AsyncGenerator<Uint8Array, void, undefined> {
    const buffer = this.#allocate();
    while (this.#remaining > 0) yield await this.#readInto(buffer);
  }

  override _read(): void {
    this.#release();
    if (this.#remaining <= 0) {
      this.push(null);
      return;
    }
    this.#readInto(this.#allocate()).then(
      (bytes) => {
        if (!this.destroyed) this.push(bytes);
      },
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#release();
    this.#close().then(
      () => done(error),
      (failure: Error) => done(error ?? failure),
    );
  }

  /** Closes the file when it is no longer being sent: another file could get its descriptor. */
  async #close(): Promise<void> {
    this.#sending?.cancel();
    await this.#sending?.done.catch(() => {});
    await this.#file.close();
  }

  #allocate(): Buffer {
    const wanted = Math.min(READ_BYTES, this.#remaining);
    if (wanted > SMALL_READ_BYTES && this.#budget.tryReserve(wanted)) this.#reserved = wanted;
    return Buffer.allocUnsafeSlow(this.#reserved || Math.min(SMALL_READ_BYTES, wanted));
  }

  async #readInto(buffer: Buffer): Promise<Buffer> {
    const wanted = Math.min(buffer.length, this.#remaining);
    const { bytesRead } = await this.#file.read(buffer, 0, wanted, this.#position);
    if (bytesRead === 0) throw new Error(`The file ended ${this.#remaining} bytes too early.`);
    this.#position += bytesRead;
    this.#remaining -= bytesRead;
    return buffer.subarray(0, bytesRead);
  }

  #release(): void {
    this.#budget.release(this.#reserved);
    this.#reserved = 0;
  }
}
