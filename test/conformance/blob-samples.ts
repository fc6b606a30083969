import { randomBytes } from 'node:crypto';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import type { PartLayout, PartRange } from '../../packages/server/src/storage/blob-store.ts';

// Files, part layouts and bodies for the tests of store drivers.

export function randomBlobId(): BlobId {
  return randomBytes(16).toString('hex') as BlobId;
}

export function partLayout(fileSize: number, partSize: number): PartLayout {
  return { fileSize, partSize, partCount: Math.ceil(fileSize / partSize) };
}

/** The part ranges of a layout, in order. */
export function partRanges({ fileSize, partSize, partCount: slots }: PartLayout): PartRange[] {
  return Array.from({ length: slots }, (_, index) => {
    const offset = index * partSize;
    return { index, offset, length: Math.min(partSize, fileSize - offset) };
  });
}

/** Bytes without repetition. */
export function randomBytesOfSize(size: number): Uint8Array {
  return new Uint8Array(randomBytes(size));
}

/**
 * A part's bytes from a file, as a connection delivers them: in chunks of `chunkSize` bytes, each a copy, since
 * chunks then belong to the store.
 */
export async function* streamPart(
  file: Uint8Array,
  range: PartRange,
  chunkSize = 16 * 1024,
): AsyncGenerator<Uint8Array> {
  const end = range.offset + range.length;
  for (let at = range.offset; at < end; at += chunkSize) {
    yield file.slice(at, Math.min(at + chunkSize, end));
    await new Promise(setImmediate);
  }
}

/** A body that yields `bytes` and then fails with `error`. */
export async function* brokenBody(bytes: Uint8Array, error: Error, chunkSize = 4_096): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkSize) yield bytes.slice(at, at + chunkSize);
  throw error;
}

/** Collects all that `items` yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
