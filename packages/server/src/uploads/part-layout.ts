import { Refusal } from '@partway/protocol/errors';
import type { ContentRange } from '@partway/protocol/headers';
import type { SessionId } from '@partway/protocol/ids';
import type { Grid, Slot } from '../storage/blob-store.ts';

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

/** The slot with this index, which must be one of the grid's. */
export function slotAt(grid: Grid, index: number): Slot {
  const offset = index * grid.partSize;
  return { index, offset, length: Math.min(grid.partSize, grid.fileSize - offset) };
}

/** The slot that a range fills exactly. Refuses 416 for any other range, saying which would do. */
export function slotOf(grid: Grid, range: ContentRange): Slot {
  const { first, last, total } = range;
  if (total !== grid.fileSize) {
    throw refusal(`content-range says the file has ${total} bytes; this session was opened for ${grid.fileSize}.`);
  }
  if (last < first) throw refusal(`The range ${first}-${last} is empty; the last part ends at byte ${total - 1}.`);
  if (first % grid.partSize !== 0 || first >= grid.fileSize) {
    throw refusal(`No part begins at byte ${first}: parts begin at multiples of ${grid.partSize}, below ${total}.`);
  }
  const slot = slotAt(grid, first / grid.partSize);
  const end = slot.offset + slot.length - 1;
  if (last !== end) throw refusal(`The part that begins at byte ${first} ends at byte ${end}, not at ${last}.`);
  return slot;
}

function refusal(message: string): Refusal {
  return new Refusal('range_not_satisfiable', message);
}

/** Odd, so that multiplying by it permutes the 32-bit numbers: no two slots of a session share an id. */
const STEP = 0x9e3779b1;

/** The wire's `part_id`: 8 upper-case hex digits, unique within the session, the same whenever the part is sent. */
export function partIdOf(session: SessionId, slot: number): string {
  const start = Number.parseInt(session.slice(0, 8), 16);
  const id = (start + Math.imul(slot, STEP)) >>> 0;
  return id.toString(16).toUpperCase().padStart(8, '0');
}

/** Some slots of a session: one bit each, so that ten thousand sessions of ten thousand parts are 12 MB. */
export class SlotSet {
  readonly #bits: Uint8Array;
  #size = 0;

  constructor(slots: number) {
    this.#bits = new Uint8Array(Math.ceil(slots / 8));
  }

  get size(): number {
    return this.#size;
  }

  add(slot: number): void {
    if (this.has(slot)) return;
    const byte = slot >> 3;
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (slot & 7));
    this.#size += 1;
  }

  delete(slot: number): void {
    if (!this.has(slot)) return;
    const byte = slot >> 3;
    this.#bits[byte] = (this.#bits[byte] ?? 0) & ~(1 << (slot & 7));
    this.#size -= 1;
  }

  has(slot: number): boolean {
    return ((this.#bits[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  }
}
