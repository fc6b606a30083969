import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PartBitmap } from '../../packages/server/src/uploads/part-layout.ts';

test('a bitmap has exactly the parts that were added and not deleted, and counts them', () => {
  const steps = fc.array(fc.record({ index: fc.integer({ min: 0, max: 40 }), isAdded: fc.boolean() }));
  fc.assert(
    fc.property(steps, (all) => {
      const bitmap = new PartBitmap(41);
      const expected = new Set<number>();
      for (const { index, isAdded } of all) {
        if (isAdded) {
          bitmap.add(index);
          expected.add(index);
        } else {
          bitmap.delete(index);
          expected.delete(index);
        }
        assert.equal(bitmap.size, expected.size);
      }
      for (let index = 0; index < 41; index += 1) assert.equal(bitmap.has(index), expected.has(index));
    }),
  );
});

test('a bitmap has no part outside the file', () => {
  const bitmap = new PartBitmap(9);
  assert.ok(!bitmap.has(-1));
  assert.ok(!bitmap.has(10_000));
});

test('a bitmap has bits for the parts of the file, and no others', () => {
  const bitmap = new PartBitmap(9);
  for (const index of [8, 16, 100, 10_000]) bitmap.add(index);
  assert.deepEqual(
    [8, 16, 100, 10_000].map((index) => bitmap.has(index)),
    [true, false, false, false],
  );
});
