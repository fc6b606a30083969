import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Refusal } from '../../packages/protocol/src/errors.ts';
import { planParts, slotAt, slotOf } from '../../packages/server/src/uploads/part-layout.ts';

const grids = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 42 }), fc.constantFrom(undefined, 65_536, 2 ** 20, 2 ** 26))
  .map(([fileSize, partSize]) => planParts(fileSize, partSize));
const gridsWithSlot = grids.chain((grid) => fc.tuple(fc.constant(grid), fc.integer({ min: 0, max: grid.slots - 1 })));

test('every slot of a grid is found by its own range', () => {
  fc.assert(
    fc.property(gridsWithSlot, ([grid, index]) => {
      const slot = slotAt(grid, index);
      const range = { first: slot.offset, last: slot.offset + slot.length - 1, total: grid.fileSize };
      assert.deepEqual(slotOf(grid, range), slot);
    }),
  );
});

test('a range that is not exactly a slot is refused with 416', () => {
  fc.assert(
    fc.property(
      gridsWithSlot,
      fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 }), fc.integer({ min: -2, max: 2 })),
      ([grid, index], [first, last, total]) => {
        fc.pre(first !== 0 || last !== 0 || total !== 0);
        const slot = slotAt(grid, index);
        const off = {
          first: slot.offset + first,
          last: slot.offset + slot.length - 1 + last,
          total: grid.fileSize + total,
        };
        // A one-byte step can be a slot of its own only where parts are that small, and they never are.
        fc.pre(!(off.total === grid.fileSize && off.first % grid.partSize === 0 && isSlot(grid, off)));
        assert.throws(() => slotOf(grid, off), statusOf(416));
      },
    ),
  );
});

test('the empty last range of an old command line tool is refused with a sentence about it', () => {
  const grid = planParts(2 ** 24, 2 ** 23);
  assert.throws(() => slotOf(grid, { first: 2 ** 24, last: 2 ** 24 - 1, total: 2 ** 24 }), /is empty/);
});

test('a range far beyond the file is refused whatever its numbers are', () => {
  const grid = planParts(2 ** 24, 2 ** 23);
  fc.assert(
    fc.property(fc.integer({ min: 2 ** 24, max: Number.MAX_SAFE_INTEGER }), (first) => {
      assert.throws(() => slotOf(grid, { first, last: first + 10, total: 2 ** 24 }), statusOf(416));
    }),
  );
});

function isSlot(grid: ReturnType<typeof planParts>, range: { first: number; last: number }): boolean {
  const index = range.first / grid.partSize;
  if (index < 0 || index >= grid.slots) return false;
  const slot = slotAt(grid, index);
  return range.last === slot.offset + slot.length - 1;
}

function statusOf(status: number): (error: unknown) => boolean {
  return (error) => error instanceof Refusal && error.status === status;
}
