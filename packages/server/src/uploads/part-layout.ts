import type { Grid } from '../storage/blob-store.ts';

/** The wire's and S3's limit. */
const MOST_SLOTS = 10_000;
/** Past this many parts, larger ones are worth their memory. */
const MANY_SLOTS = 1_000;
const SMALLEST: number = 8 * 1024 * 1024;
/** Clients hold whole parts in memory, so parts grow beyond this only where `MOST_SLOTS` forces it. */
const LARGEST_BY_CHOICE: number = 64 * 1024 * 1024;

/**
 * Cuts a file of `fileSize` bytes (wire: "part_size"). Parts are a power of two; `fixedPartSize`, a power of two too,
 * stands until it would take more than 10,000 parts.
 */
export function planParts(fileSize: number, fixedPartSize?: number): Grid {
  let partSize = fixedPartSize ?? SMALLEST;
  while (wantsLargerParts(fileSize, partSize, fixedPartSize !== undefined)) partSize *= 2;
  return { fileSize, partSize, slots: Math.ceil(fileSize / partSize) };
}

function wantsLargerParts(fileSize: number, partSize: number, fixed: boolean): boolean {
  const slots = Math.ceil(fileSize / partSize);
  return slots > MOST_SLOTS || (!fixed && slots > MANY_SLOTS && partSize < LARGEST_BY_CHOICE);
}
