import { Refusal } from '@partway/protocol/errors';
import type { ContentRange } from '@partway/protocol/headers';
import type { Grid, Slot } from '../storage/blob-store.ts';

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
