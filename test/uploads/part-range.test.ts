import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DomainError } from '../../packages/server/src/errors.ts';
import { partForRange, partRange, planParts } from '../../packages/server/src/uploads/part-layout.ts';

const layouts = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 42 }), fc.constantFrom(undefined, 65_536, 2 ** 20, 2 ** 26))
  .map(([fileSize, partSize]) => planParts(fileSize, partSize));
const layoutsWithPart = layouts.chain((layout) =>
  fc.tuple(fc.constant(layout), fc.integer({ min: 0, max: layout.partCount - 1 })),
);

test('every part of a layout is found by its range', () => {
  fc.assert(
    fc.property(layoutsWithPart, ([layout, index]) => {
      const slot = partRange(layout, index);
      const range = { first: slot.offset, last: slot.offset + slot.length - 1, total: layout.fileSize };
      assert.deepEqual(partForRange(layout, range), slot);
    }),
  );
});

test('a range that is not exactly a part is rejected as invalid', () => {
  fc.assert(
    fc.property(
      layoutsWithPart,
      fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 }), fc.integer({ min: -2, max: 2 })),
      ([layout, index], [first, last, total]) => {
        fc.pre(first !== 0 || last !== 0 || total !== 0);
        const range = partRange(layout, index);
        const off = {
          first: range.offset + first,
          last: range.offset + range.length - 1 + last,
          total: layout.fileSize + total,
        };
        // A step of one byte can only be a part if parts are that small, which they never are.
        fc.pre(!(off.total === layout.fileSize && off.first % layout.partSize === 0 && isPartRange(layout, off)));
        assert.throws(() => partForRange(layout, off), isInvalidRange);
      },
    ),
  );
});

test('the empty last range sent by an old command-line tool is rejected with a hint', () => {
  const layout = planParts(2 ** 24, 2 ** 23);
  assert.throws(() => partForRange(layout, { first: 2 ** 24, last: 2 ** 24 - 1, total: 2 ** 24 }), /is empty/);
});

test('a range far beyond the file is rejected whatever its numbers are', () => {
  const layout = planParts(2 ** 24, 2 ** 23);
  fc.assert(
    fc.property(fc.integer({ min: 2 ** 24, max: Number.MAX_SAFE_INTEGER }), (first) => {
      assert.throws(() => partForRange(layout, { first, last: first + 10, total: 2 ** 24 }), isInvalidRange);
    }),
  );
});

function isPartRange(layout: ReturnType<typeof planParts>, range: { first: number; last: number }): boolean {
  const index = range.first / layout.partSize;
  if (index < 0 || index >= layout.partCount) return false;
  const slot = partRange(layout, index);
  return range.last === slot.offset + slot.length - 1;
}

function isInvalidRange(error: unknown): boolean {
  return error instanceof DomainError && error.code === 'invalid-range';
}
