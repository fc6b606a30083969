import { freeChunk } from '../../util/chunks.ts';
import type { ByteBudget } from '../s3/byte-budget.ts';
import { diskError } from './errors.ts';

/**
 * Less than this is not worth a write of its own before the body's end: what a slow sender brings in drops would cost
 * more in calls than in bytes. Every writer may hold as much.
 */
const SMALLEST_WRITE_BYTES = 32 * 1024;
/** What is gathered at most, by one writer, while its last write is under way. */
const GATHER_BYTES = 1024 * 1024;
/** The kernel takes 1,024 buffers in one call; a sender of tiny chunks is held back there too. */
const GATHER_CHUNKS = 1024;
/** Reserved for a chunk not yet pulled: the most a socket gives at once. */
const CHUNK_BYTES = 64 * 1024;

/** The one method of a `FileHandle` that is needed here. */
export interface VectorFile {
  writev(buffers: Uint8Array[], position: number): Promise<{ bytesWritten: number }>;
}

/**
 * Writes `body` at `place.offset`. It must be exactly `place.length` bytes, and no byte outside is touched; without a
 * length it is as long as it is. Once it has settled, either way, no write is under way. Rejects with what `body`
 * throws, with the reason of `stop` once that is aborted (seen at the next chunk), or with the failure of the file, a
 * full disk as `insufficient_storage`.
 *
 * What comes during a write gathers and goes out with the next, in one call: a slow sender costs 32 KiB of memory at
 * most, a fast one writes big. What gathers beyond that is drawn from `budget`; when that is used up, the next chunk is
 * pulled only after the last one is written. The chunks become the writer's own: their memory is
 * freed once they are written.
 */
export async function writeInPlace(
  file: VectorFile,
  place: { offset: number; length?: number },
  body: AsyncIterable<Uint8Array>,
  budget: ByteBudget,
  stop?: AbortSignal,
): Promise<void> {
  const writer = new GatheringWriter(file, place.offset, budget);
  let missing = place.length ?? Number.POSITIVE_INFINITY;
  try {
    for await (const chunk of body) {
      stop?.throwIfAborted();
      missing -= chunk.length;
      if (missing < 0) throw new RangeError(`a body went beyond its place of ${place.length} bytes`);
      writer.add(chunk);
      await writer.readyForMore();
    }
    if (missing > 0 && place.length !== undefined)
      throw new RangeError(`a body ended ${missing} bytes before its place of ${place.length} bytes`);
    await writer.written();
  } finally {
    await writer.close();
  }
}

class GatheringWriter {
  readonly #file: VectorFile;
  readonly #budget: ByteBudget;
  #position: number;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** What of the gathered bytes is drawn from the budget; all but the one chunk a writer may always hold. */
  #drawn = 0;
  /** Drawn for the chunk that is being pulled; only while a write is under way, so that a silent sender holds nothing. */
  #reserved = 0;
  /** The write under way. Never rejects; its error lies in `#failure`. */
  #writing: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  constructor(file: VectorFile, position: number, budget: ByteBudget) {
    this.#file = file;
    this.#position = position;
    this.#budget = budget;
  }

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.length;
    if (this.#writing === undefined) {
      if (this.#gatheredBytes >= SMALLEST_WRITE_BYTES) this.#startWrite();
    } else {
      this.#budget.exchange(this.#reserved, chunk.length);
      this.#reserved = 0;
      this.#drawn += chunk.length;
    }
  }

  /** Resolves when one more chunk may be pulled. Rejects once a write has failed. */
  async readyForMore(): Promise<void> {
    while (this.#writing !== undefined && !this.#mayGather()) await this.#writing;
    this.#throwFailure();
  }

  /** Resolves when all that was added is written. */
  async written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#throwFailure();
    if (this.#gathered.length === 0) return;
    this.#startWrite();
    await this.#writing;
    this.#throwFailure();
  }

  /** Drops what has not gone out, waits for what has, and gives the budget back. Never rejects. */
  async close(): Promise<void> {
    this.#gathered = [];
    this.#budget.release(this.#drawn + this.#reserved);
    this.#drawn = 0;
    this.#reserved = 0;
    while (this.#writing !== undefined) await this.#writing;
  }

  #mayGather(): boolean {
    if (this.#reserved > 0) return true;
    if (this.#gatheredBytes + CHUNK_BYTES > GATHER_BYTES || this.#gathered.length >= GATHER_CHUNKS) return false;
    if (!this.#budget.tryReserve(CHUNK_BYTES)) return false;
    this.#reserved = CHUNK_BYTES;
    return true;
  }

  #startWrite(): void {
    const buffers = this.#gathered;
    const bytes = this.#gatheredBytes;
    const drawn = this.#drawn;
    const position = this.#position;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#drawn = 0;
    this.#position += bytes;
    this.#writing = writeAll(this.#file, buffers, position, bytes)
      .finally(() => buffers.forEach(freeChunk))
      .catch((error: unknown) => {
        this.#failure ??= { error: diskError(error) };
      })
      .then(() => this.#onWritten(drawn));
  }

  #onWritten(drawn: number): void {
    this.#writing = undefined;
    this.#budget.release(drawn);
    if (this.#failure === undefined && this.#gatheredBytes >= SMALLEST_WRITE_BYTES) {
      this.#startWrite();
    } else {
      // What is left is what every writer may hold.
      this.#budget.release(this.#drawn + this.#reserved);
      this.#drawn = 0;
      this.#reserved = 0;
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** Writes all of `buffers`, which are `bytes` long, in as many calls as the kernel wants (a disk that fills takes a part). */
async function writeAll(file: VectorFile, buffers: Uint8Array[], position: number, bytes: number): Promise<void> {
  let rest = buffers;
  let written = 0;
  while (written < bytes) {
    const { bytesWritten } = await file.writev(rest, position + written);
    if (bytesWritten <= 0) throw new Error(`the file took none of the ${bytes - written} bytes left to write`);
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
