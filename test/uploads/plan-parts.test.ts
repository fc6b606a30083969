import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planParts } from '../../packages/server/src/uploads/part-layout.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const fileSizes = fc.oneof(fc.integer({ min: 0, max: 200 * MiB }), fc.integer({ min: 0, max: 2 ** 45 }));

test('a plan covers the file exactly, with at most 10,000 parts whose size is a power of two', () => {
  fc.assert(
    fc.property(fileSizes, (fileSize) => {
      const { partSize, partCount: slots } = planParts(fileSize);
      assert.ok(Number.isInteger(Math.log2(partSize)));
      assert.ok(slots <= 10_000);
      assert.ok(slots * partSize >= fileSize);
      assert.ok((slots - 1) * partSize < fileSize || fileSize === 0);
    }),
  );
});

test('part sizes start at 8 MiB and stay at or below 64 MiB until the limit of 10,000 parts requires more', () => {
  assert.equal(planParts(20_000_000).partSize, 8 * MiB);
  assert.equal(planParts(4 * GiB).partSize, 8 * MiB);
  assert.equal(planParts(625 * GiB).partSize, 64 * MiB);
  assert.equal(planParts(1024 * GiB).partSize, 128 * MiB);
  fc.assert(
    fc.property(fileSizes, (fileSize) => {
      const { partSize } = planParts(fileSize);
      assert.ok(partSize <= 64 * MiB || Math.ceil(fileSize / (partSize / 2)) > 10_000);
    }),
  );
});

test('the part size grows with the first byte beyond 1,000 parts', () => {
  assert.deepEqual(planParts(1000 * 8 * MiB), { fileSize: 1000 * 8 * MiB, partSize: 8 * MiB, partCount: 1000 });
  assert.deepEqual(planParts(1000 * 8 * MiB + 1), { fileSize: 1000 * 8 * MiB + 1, partSize: 16 * MiB, partCount: 501 });
  assert.equal(planParts(1000 * 32 * MiB).partSize, 32 * MiB);
  assert.equal(planParts(1000 * 32 * MiB + 1).partSize, 64 * MiB);
  assert.equal(planParts(1000 * 64 * MiB + 1).partSize, 64 * MiB);
  assert.equal(planParts(10_000 * 64 * MiB).partSize, 64 * MiB);
  assert.equal(planParts(10_000 * 64 * MiB + 1).partSize, 128 * MiB);
});

test('a configured part size is used unless it would need more than 10,000 parts', () => {
  assert.equal(planParts(100 * MiB, 65_536).partSize, 65_536);
  assert.equal(planParts(10_000 * 65_536, 65_536).partSize, 65_536);
  assert.equal(planParts(10_000 * 65_536 + 1, 65_536).partSize, 131_072);
  assert.equal(planParts(1000, 2 ** 30).partSize, 2 ** 30);
});
