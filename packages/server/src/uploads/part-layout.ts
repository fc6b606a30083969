import type { ContentRange } from '@partway/protocol/headers';
import type { SessionId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import type { PartLayout, PartRange } from '../storage/blob-store.ts';

/** The limit of Box's API and of S3. */
const MAX_PARTS = 10_000;
/** With more parts than this, larger parts are worth their memory. */
const PREFERRED_MAX_PARTS = 1_000;
const MIN_PART_SIZE: number = 8 * 1024 * 1024;
/** Clients hold whole parts in memory, so parts are larger than this only if there would be more than `MAX_PARTS`. */
const PREFERRED_MAX_PART_SIZE: number = 64 * 1024 * 1024;

/**
 * Chooses the part layout of a file. The part size is a power of two. `fixedPartSize`, also a power of two, is used unless
 * the file would have more than 10,000 parts. Sizes are in bytes.
 */
export function planParts(fileSize: number, fixedPartSize?: number): PartLayout {
  let partSize = fixedPartSize ?? MIN_PART_SIZE;
  while (needsLargerParts(fileSize, partSize, fixedPartSize !== undefined)) partSize *= 2;
  return { fileSize, partSize, partCount: Math.ceil(fileSize / partSize) };
}

function needsLargerParts(fileSize: number, partSize: number, isFixed: boolean): boolean {
  const partCount = Math.ceil(fileSize / partSize);
  return partCount > MAX_PARTS || (!isFixed && partCount > PREFERRED_MAX_PARTS && partSize < PREFERRED_MAX_PART_SIZE);
}

/** The range of the part with this index, which must be less than the layout's `partCount`. */
export function partRange(layout: PartLayout, index: number): PartRange {
  const offset = index * layout.partSize;
  return { index, offset, length: Math.min(layout.partSize, layout.fileSize - offset) };
}

/** The part that has exactly this range. Throws `invalid-range` for any other range, with the ranges that are possible. */
export function partForRange(layout: PartLayout, range: ContentRange): PartRange {
  const { first, last, total } = range;
  if (total !== layout.fileSize) {
    throw invalidRangeError(
      `The content-range header has a file size of ${total} bytes, but the session was created for ${layout.fileSize}.`,
    );
  }
  if (last < first) {
    throw invalidRangeError(`The range ${first}-${last} is empty; the last part ends at byte ${total - 1}.`);
  }
  if (first % layout.partSize !== 0 || first >= layout.fileSize) {
    throw invalidRangeError(
      `No part starts at byte ${first}: parts start at multiples of ${layout.partSize}, below ${total}.`,
    );
  }
  const part = partRange(layout, first / layout.partSize);
  const end = part.offset + part.length - 1;
  if (last !== end) {
    throw invalidRangeError(`The part that starts at byte ${first} ends at byte ${end}, not at ${last}.`);
  }
  return part;
}

function invalidRangeError(message: string): DomainError {
  return new DomainError('invalid-range', message);
}

/** Odd, so that multiplying by it permutes the 32-bit numbers: all parts of a session have different IDs. */
const STEP = 0x9e3779b1;

/** The `part_id` in the API: 8 uppercase hex digits, unique within the session, and the same if the part is sent again. */
export function partId(session: SessionId, index: number): string {
  const start = Number.parseInt(session.slice(0, 8), 16);
  const id = (start + Math.imul(index, STEP)) >>> 0;
  return id.toString(16).toUpperCase().padStart(8, '0');
}

/** A set of part indexes of a session, with one bit per part: 10,000 sessions of 10,000 parts need 12 MB. */
export class PartBitmap {
  readonly #bits: Uint8Array;
  #size = 0;

  constructor(partCount: number) {
    this.#bits = new Uint8Array(Math.ceil(partCount / 8));
  }

  get size(): number {
    return this.#size;
  }

  add(index: number): void {
    const byte = index >> 3;
    const before = this.#bits[byte] ?? 0;
    const after = before | (1 << (index & 7));
    if (after !== before) this.#size += 1;
    this.#bits[byte] = after;
  }

  delete(index: number): void {
    if (!this.has(index)) return;
    const byte = index >> 3;
    this.#bits[byte] = (this.#bits[byte] ?? 0) & ~(1 << (index & 7));
    this.#size -= 1;
  }

  has(index: number): boolean {
    return ((this.#bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }
}
