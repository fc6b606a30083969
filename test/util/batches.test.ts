import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { collectBatches, inBatches, splitIntoBatches } from '../../packages/server/src/util/batches.ts';

const items = fc.array(fc.integer());
const size = fc.integer({ min: 1, max: 12 });

function assertBatches(batches: readonly (readonly number[])[], all: readonly number[], size: number): void {
  assert.deepEqual(batches.flat(), all);
  assert.equal(batches.length, Math.ceil(all.length / size));
  for (const [index, batch] of batches.entries()) {
    if (index < batches.length - 1) assert.equal(batch.length, size);
    else assert.ok(batch.length >= 1 && batch.length <= size);
  }
}

test('batches joined are the list, and all but the last have the given size', () => {
  fc.assert(
    fc.property(items, size, (all, size) => {
      assertBatches([...splitIntoBatches(all, size)], all, size);
    }),
  );
});

test('batches of items that are still being read are the same, and come as soon as they are complete', async () => {
  await fc.assert(
    fc.asyncProperty(items, size, async (all, size) => {
      let read = 0;
      async function* reading() {
        for (const item of all) {
          read += 1;
          yield item;
        }
      }
      const batches: (readonly number[])[] = [];
      for await (const batch of collectBatches(reading(), size)) {
        batches.push(batch);
        assert.equal(read, Math.min(batches.length * size, all.length));
      }
      assertBatches(batches, all, size);
    }),
  );
});

test('a query in batches returns the rows of all batches, in order, and runs one query at a time', async () => {
  await fc.assert(
    fc.asyncProperty(items, size, async (keys, size) => {
      let running = 0;
      const query = async (batch: readonly number[]) => {
        running += 1;
        assert.equal(running, 1);
        await Promise.resolve();
        running -= 1;
        return batch.flatMap((key) => (key % 2 === 0 ? [key] : []));
      };
      assert.deepEqual(
        await inBatches(keys, query, size),
        keys.filter((key) => key % 2 === 0),
      );
    }),
  );
});

test('by default, a batch is small enough for the parameters of a statement', () => {
  const sizes = [...splitIntoBatches(Array.from({ length: 1_001 }, (_, n) => n))].map((batch) => batch.length);
  assert.deepEqual(sizes, [500, 500, 1]);
});
