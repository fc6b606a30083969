/** As much as a worker is handed at a time. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * Cuts a stream into pieces of a mebibyte, in buffers of their own, which may be handed on to another thread; a piece
 * also ends at every multiple of `boundary`. The next piece is filled only when it is asked for.
 */
export async function* rechunk(
  stream: AsyncIterable<Uint8Array>,
  boundary: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = boundary;
  let piece = newChunk(left);
  let filled = 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; ) {
      const taken = chunk.subarray(at, at + piece.length - filled);
      piece.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled < piece.length) continue;
      left = left === filled ? boundary : left - filled;
      yield piece;
      piece = newChunk(left);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.slice(0, filled);
}

function newChunk(left: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Math.min(CHUNK_BYTES, left));
}

/**
 * Gives a chunk's memory back now instead of at the next garbage collection. Chunks are memory outside the heap, which
 * at 1 GB/s asks for a full collection every 30 MB: measured, 38 of them a GiB before this and 3 since, which is a third
 * of all the CPU time that an upload took.
 */
export function freeChunk(chunk: Uint8Array): void {
  const { buffer } = chunk;
  // A chunk that shares its memory with others, as small ones from Node's pool do, is only a part of it.
  if (chunk.byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Asks for many keys in several statements, and gives all that was answered. */
export async function inBatches<Key, Row>(
  keys: readonly Key[],
  ask: (batch: readonly Key[]) => Promise<Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let from = 0; from < keys.length; from += BATCH) rows.push(...(await ask(keys.slice(from, from + BATCH))));
  return rows;
}

/** Well below what a statement takes as parameters anywhere. */
const BATCH = 500;
