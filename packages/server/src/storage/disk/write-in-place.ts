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
  #gathered: Gathered = gatherNothing();
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
    this.#preferredBytes = file.preferredBytes ?? MIN_WRITE_BYTES;
  }

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#gathered.chunks.push(chunk);
    this.#gathered.bytes += chunk.length;
    if (this.#writing !== undefined || this.#reserved !== 0) {
      this.#budget.exchange(this.#reserved, chunk.length);
      this.#reserved = 0;
      this.#gathered.fromBudget += chunk.length;
    }
    if (this.#writing === undefined && this.#gathered.bytes >= this.#preferredBytes) this.#startWrite();
  }

  /** Resolves when one more chunk can be pulled. Rejects once a write has failed. */
  async readyForMore(): Promise<void> {
    while (!this.#hasLittle() && !this.#canGather()) {
      if (this.#writing === undefined) this.#startWrite();
      await this.#writing;
    }
    this.#throwFailure();
    if (this.#writing === undefined && this.#gathered.bytes >= MIN_WRITE_BYTES) this.#limitPause();
  }

  /** Resolves when all added chunks have been written. */
  async written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#throwFailure();
    if (this.#gathered.bytes === 0) return;
    this.#startWrite();
    await this.#writing;
    this.#throwFailure();
  }

  /** Drops gathered chunks, releases the budget, and waits for the write in progress. Never rejects. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#releaseBudget();
    this.#gathered = gatherNothing();
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Whether no write is in progress, and what is gathered is so little that every writer can hold it. */
  #hasLittle(): boolean {
    const { bytes, chunks } = this.#gathered;
    const isFull = bytes >= MIN_WRITE_BYTES || chunks.length >= MAX_GATHERED_CHUNKS;
    return this.#writing === undefined && !isFull;
  }

  #canGather(): boolean {
    if (this.#reserved !== 0) return true;
    const { bytes, chunks } = this.#gathered;
    if (bytes + CHUNK_BYTES > MAX_GATHERED_BYTES || chunks.length >= MAX_GATHERED_CHUNKS) return false;
    if (!this.#budget.tryReserve(CHUNK_BYTES)) return false;
    this.#reserved = CHUNK_BYTES;
    return true;
  }

  /** Called while no write is in progress. Every write clears the timer, so none is in progress when it fires. */
  #limitPause(): void {
    this.#timer ??= setTimeout(() => this.#startWrite(), MAX_PAUSE_MILLIS);
  }

  #startWrite(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const gathered = this.#gathered;
    const position = this.#position;
    this.#gathered = gatherNothing();
    this.#position += gathered.bytes;
    this.#writing = this.#write(gathered, position);
  }

  /** Writes gathered chunks and frees them, then starts the next write if enough chunks were gathered meanwhile. */
  async #write({ chunks, bytes, fromBudget }: Gathered, position: number): Promise<void> {
    try {
      await writeAll(this.#file, chunks, position, bytes).finally(() => chunks.forEach(freeChunk));
    } catch (error) {
      this.#failure ??= { error: diskError(error) };
    }
    this.#writing = undefined;
    this.#budget.release(fromBudget);
    if (this.#failure === undefined && this.#gathered.bytes >= this.#preferredBytes) {
      this.#startWrite();
    } else if (this.#failure === undefined && this.#gathered.bytes >= MIN_WRITE_BYTES) {
      this.#limitPause();
    } else {
      // The rest is what every writer can hold without using the budget.
      this.#releaseBudget();
    }
  }

  #releaseBudget(): void {
    this.#budget.release(this.#gathered.fromBudget + this.#reserved);
    this.#gathered.fromBudget = 0;
    this.#reserved = 0;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** Chunks for one write. */
interface Gathered {
  chunks: Uint8Array[];
  bytes: number;
  /** Bytes reserved from the budget for these chunks: all but the first chunk, which a writer can always hold. */
  fromBudget: number;
}

function gatherNothing(): Gathered {
  return { chunks: [], bytes: 0, fromBudget: 0 };
}

/** Writes all of `buffers`, which have `bytes` bytes in total. Repeats partial writes, as on a disk that is filling up. */
async function writeAll(file: VectorFile, buffers: Uint8Array[], position: number, bytes: number): Promise<void> {
  let rest = buffers;
  let written = 0;
  for (;;) {
    const { bytesWritten } = await file.writev(rest, position + written);
    if (bytesWritten <= 0) throw new Error(`The file accepted none of the remaining ${bytes - written} bytes.`);
    written += bytesWritten;
    if (written >= bytes) return;
    rest = skipBytes(rest, bytesWritten);
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
