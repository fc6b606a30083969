import type { ContentRange } from '@partway/protocol/headers';
import type { SessionId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import type { PartLayout, PartRange } from '../storage/blob-store.ts';

/** The wire's and S3's limit. */
const MAX_PARTS = 10_000;
/** Past this many parts, larger ones are worth their memory. */
const MANY_PARTS = 1_000;
const MIN_PART_SIZE: number = 8 * 1024 * 1024;
/** Clients hold whole parts in memory, so parts grow beyond this only where `MAX_PARTS` forces it. */
const MAX_CHOSEN_PART_SIZE: number = 64 * 1024 * 1024;

/**
 * Cuts a file of `fileSize` bytes (wire: "part_size"). Parts are a power of two; `fixedPartSize`, a power of two too,
 * stands until it would take more than 10,000 parts.
 */
export function planParts(fileSize: number, fixedPartSize?: number): PartLayout {
  let partSize = fixedPartSize ?? MIN_PART_SIZE;
  while (wantsLargerParts(fileSize, partSize, fixedPartSize !== undefined)) partSize *= 2;
  return { fileSize, partSize, partCount: Math.ceil(fileSize / partSize) };
}

function wantsLargerParts(fileSize: number, partSize: number, fixed: boolean): boolean {
  const slots = Math.ceil(fileSize / partSize);
  return slots > MAX_PARTS || (!fixed && slots > MANY_PARTS && partSize < MAX_CHOSEN_PART_SIZE);
}

/** The slot with this index, which must be one of the grid's. */
export function partRange(layout: PartLayout, index: number): PartRange {
  const offset = index * layout.partSize;
  return { index, offset, length: Math.min(layout.partSize, layout.fileSize - offset) };
}

/** The slot that a range fills exactly. Refuses 416 for any other range, saying which would do. */
export function partForRange(layout: PartLayout, range: ContentRange): PartRange {
  const { first, last, total } = range;
  if (total !== layout.fileSize) {
    throw invalidRangeError(
      `content-range says the file has ${total} bytes; this session was opened for ${layout.fileSize}.`,
    );
  }
  if (last < first)
    throw invalidRangeError(`The range ${first}-${last} is empty; the last part ends at byte ${total - 1}.`);
  if (first % layout.partSize !== 0 || first >= layout.fileSize) {
    throw invalidRangeError(
      `No part begins at byte ${first}: parts begin at multiples of ${layout.partSize}, below ${total}.`,
    );
  }
  const slot = partRange(layout, first / layout.partSize);
  const end = slot.offset + slot.length - 1;
  if (last !== end)
    throw invalidRangeError(`The part that begins at byte ${first} ends at byte ${end}, not at ${last}.`);
  return slot;
}

function invalidRangeError(message: string): DomainError {
  return new DomainError('invalid-range', message);
}

/** Odd, so that multiplying by it permutes the 32-bit numbers: no two slots of a session share an id. */
const STEP = 0x9e3779b1;

/** The wire's `part_id`: 8 upper-case hex digits, unique within the session, the same whenever the part is sent. */
export function partId(session: SessionId, index: number): string {
  const start = Number.parseInt(session.slice(0, 8), 16);
  const id = (start + Math.imul(index, STEP)) >>> 0;
  return id.toString(16).toUpperCase().padStart(8, '0');
}

/** Some slots of a session: one bit each, so that ten thousand sessions of ten thousand parts are 12 MB. */
export class PartBitmap {
  readonly #bits: Uint8Array;
  #size = 0;

  constructor(slots: number) {
    this.#bits = new Uint8Array(Math.ceil(slots / 8));
  }

  get size(): number {
    return this.#size;
  }

  add(index: number): void {
    if (this.has(index)) return;
    const byte = index >> 3;
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (index & 7));
    this.#size += 1;
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
