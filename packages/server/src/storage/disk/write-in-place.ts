import { freeChunk } from '../../util/chunks.ts';
import type { ByteBudget } from '../byte-budget.ts';
import { diskError } from './errors.ts';

/**
 * The minimum size of a write before the body's end. Smaller writes of what a slow sender sends would cost more in system
 * calls than in bytes. Every writer can hold this much without using the budget.
 */
const MIN_WRITE_BYTES = 32 * 1024;
/** The maximum that one writer gathers while its last write is in progress. */
const MAX_GATHERED_BYTES = 1024 * 1024;
/** The kernel accepts 1,024 buffers per call. This also slows down senders of tiny chunks. */
const MAX_GATHERED_CHUNKS = 1024;
/** How long a sender can pause before what was gathered for a larger write is written, in milliseconds. */
const MAX_PAUSE_MILLIS = 20;
/** Reserved for a chunk that has not been pulled yet: the maximum that a socket returns at once. */
const CHUNK_BYTES = 64 * 1024;

/** The only method of a `FileHandle` that is used here. */
export interface VectorFile {
  /** Writes of fewer bytes than this are inefficient, so they are only made for slow senders. Defaults to 32 KiB. */
  readonly preferredBytes?: number;
  writev(buffers: Uint8Array[], position: number): Promise<{ bytesWritten: number }>;
}

/**
 * Writes `body` at `range.offset`. If there is a `range.length`, the body must have exactly that many bytes, and no byte
 * outside the range is written. When the promise settles, no write is in progress. Rejects with the error of `body`, with
 * the reason of `stop` once that is aborted (checked at the next chunk), or with the error of the file. Throws
 * `storage-full` if the disk is full.
 *
 * Chunks that arrive during a write are gathered and written with the next call: a slow sender uses 32 KiB of memory at
 * most, or for 20 ms more if the file prefers larger writes, and a fast one gets large writes. More than 32 KiB is reserved
 * from `budget`. When the budget is used up, the next chunk is pulled only after the last one has been written. The writer
 * owns the chunks, and frees their memory after the write.
 */
export async function writeInPlace(
  file: VectorFile,
  range: { offset: number; length?: number },
  body: AsyncIterable<Uint8Array>,
  budget: ByteBudget,
  stop?: AbortSignal,
): Promise<void> {
  const writer = new GatheringWriter(file, range.offset, budget);
  let remaining = range.length ?? Number.POSITIVE_INFINITY;
  try {
    for await (const chunk of body) {
      stop?.throwIfAborted();
      remaining -= chunk.length;
      if (remaining < 0) throw new RangeError(`The body is longer than its range of ${range.length} bytes.`);
      writer.add(chunk);
      await writer.readyForMore();
    }
    if (remaining > 0 && range.length !== undefined)
      throw new RangeError(`The body is ${remaining} bytes shorter than its range of ${range.length} bytes.`);
    await writer.written();
  } finally {
    await writer.close();
  }
}

class GatheringWriter {
  readonly #file: VectorFile;
  readonly #budget: ByteBudget;
  /** A write starts when this much is gathered. */
  readonly #preferredBytes: number;
  #position: number;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** Bytes reserved from the budget for gathered chunks: all but the first chunk, which a writer can always hold. */
  #fromBudget = 0;
  /** Bytes reserved for the chunk being pulled, but not while the writer has less than it can always hold. */
  #reserved = 0;
  /** Starts a write if the sender pauses. */
  #timer: NodeJS.Timeout | undefined;
  /** The write in progress. Never rejects; its error is in `#failure`. */
  #writing: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  constructor(file: VectorFile, position: number, budget: ByteBudget) {
    this.#file = file;
    this.#position = position;
    this.#budget = budget;
    this.#preferredBytes = Math.max(file.preferredBytes ?? 0, MIN_WRITE_BYTES);
  }

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.length;
    if (this.#writing !== undefined || this.#reserved > 0) {
      this.#budget.exchange(this.#reserved, chunk.length);
      this.#reserved = 0;
      this.#fromBudget += chunk.length;
    }
    if (this.#writing === undefined && this.#gatheredBytes >= this.#preferredBytes) this.#startWrite();
  }

  /** Resolves when one more chunk can be pulled. Rejects once a write has failed. */
  async readyForMore(): Promise<void> {
    while (!this.#hasLittle() && !this.#canGather()) {
      if (this.#writing === undefined) this.#startWrite();
      await this.#writing;
    }
    this.#throwFailure();
    if (this.#writing === undefined && this.#gatheredBytes >= MIN_WRITE_BYTES) this.#limitPause();
  }

  /** Resolves when all added chunks have been written. */
  async written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#throwFailure();
    if (this.#gathered.length === 0) return;
    this.#startWrite();
    await this.#writing;
    this.#throwFailure();
  }

  /** Drops gathered chunks, releases the budget, and waits for the write in progress. Never rejects. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#budget.release(this.#fromBudget + this.#reserved);
    this.#fromBudget = 0;
    this.#reserved = 0;
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Whether no write is in progress, and what is gathered is so little that every writer can hold it. */
  #hasLittle(): boolean {
    const isFull = this.#gatheredBytes >= MIN_WRITE_BYTES || this.#gathered.length >= MAX_GATHERED_CHUNKS;
    return this.#writing === undefined && !isFull;
  }

  #canGather(): boolean {
    if (this.#reserved > 0) return true;
    if (this.#gatheredBytes + CHUNK_BYTES > MAX_GATHERED_BYTES || this.#gathered.length >= MAX_GATHERED_CHUNKS)
      return false;
    if (!this.#budget.tryReserve(CHUNK_BYTES)) return false;
    this.#reserved = CHUNK_BYTES;
    return true;
  }

  #limitPause(): void {
    this.#timer ??= setTimeout(() => {
      if (this.#writing === undefined && this.#gatheredBytes > 0) this.#startWrite();
    }, MAX_PAUSE_MILLIS);
  }

  #startWrite(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const buffers = this.#gathered;
    const bytes = this.#gatheredBytes;
    const fromBudget = this.#fromBudget;
    const position = this.#position;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#fromBudget = 0;
    this.#position += bytes;
    this.#writing = this.#write(buffers, position, bytes, fromBudget);
  }

  /** Writes gathered chunks and frees them, then starts the next write if enough chunks were gathered meanwhile. */
  async #write(buffers: Uint8Array[], position: number, bytes: number, fromBudget: number): Promise<void> {
    try {
      await writeAll(this.#file, buffers, position, bytes).finally(() => buffers.forEach(freeChunk));
    } catch (error) {
      this.#failure ??= { error: diskError(error) };
    }
    this.#writing = undefined;
    this.#budget.release(fromBudget);
    if (this.#failure === undefined && this.#gatheredBytes >= this.#preferredBytes) {
      this.#startWrite();
    } else if (this.#failure === undefined && this.#gatheredBytes >= MIN_WRITE_BYTES) {
      this.#limitPause();
    } else {
      // The rest is what every writer can hold without using the budget.
      this.#budget.release(this.#fromBudget + this.#reserved);
      this.#fromBudget = 0;
      this.#reserved = 0;
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** Writes all of `buffers`, which have `bytes` bytes in total. Repeats partial writes, as on a disk that is filling up. */
async function writeAll(file: VectorFile, buffers: Uint8Array[], position: number, bytes: number): Promise<void> {
  let rest = buffers;
  let written = 0;
  while (written < bytes) {
    const { bytesWritten } = await file.writev(rest, position + written);
    if (bytesWritten <= 0) throw new Error(`The file accepted none of the remaining ${bytes - written} bytes.`);
    written += bytesWritten;
    if (written < bytes) rest = skipBytes(rest, bytesWritten);
  }
}

function skipBytes(buffers: Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  const first = buffers.findIndex((buffer) => {
    if (buffer.length > skip) return true;
    skip -= buffer.length;
    return false;
  });
  return buffers.slice(first).map((buffer, index) => (index === 0 ? buffer.subarray(skip) : buffer));
}
