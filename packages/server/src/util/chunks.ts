const CHUNK_BYTES = 1024 * 1024;

/**
 * Splits a stream into chunks of 1 MiB. A chunk also ends at every multiple of `boundary` bytes. Each chunk has its own
 * buffer, so it can be transferred to another thread. Chunks are filled only when they are requested.
 */
export async function* rechunk(
  stream: AsyncIterable<Uint8Array>,
  boundary: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let untilBoundary = boundary;
  let chunk = createChunk(untilBoundary);
  let filled = 0;
  for await (const input of stream) {
    for (let position = 0; position < input.length; ) {
      const copied = input.subarray(position, position + chunk.length - filled);
      chunk.set(copied, filled);
      filled += copied.length;
      position += copied.length;
      if (filled < chunk.length) continue;
      untilBoundary = untilBoundary === filled ? boundary : untilBoundary - filled;
      yield chunk;
      chunk = createChunk(untilBoundary);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.slice(0, filled);
}

function createChunk(untilBoundary: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Math.min(CHUNK_BYTES, untilBoundary));
}

/**
 * Frees a chunk's memory now instead of at the next garbage collection. Chunks are outside the JavaScript heap, and at
 * 1 GB/s that memory triggers a full collection every 30 MB. Freeing chunks reduced full collections from 38 to 3 per
 * GiB, which saved a third of the CPU time of an upload.
 */
export function freeChunk(chunk: Uint8Array): void {
  const { buffer } = chunk;
  // Small chunks share a buffer from Node's pool, which must stay.
  if (chunk.byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
