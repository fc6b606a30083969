import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { freeChunk, rechunk } from '../../packages/server/src/util/chunks.ts';
import { prefetch } from '../../packages/server/src/util/prefetch.ts';

const MIB = 1024 * 1024;

async function* streamOf(pieces: readonly Uint8Array[]) {
  yield* pieces;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('chunks joined are the stream, end at each multiple of the boundary, and share no memory', async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 50 }), async (pieces, boundary) => {
      const all = Buffer.concat(pieces);
      const chunks = await collect(rechunk(streamOf(pieces), boundary));
      assert.deepEqual(Buffer.concat(chunks), all);
      assert.deepEqual(
        chunks.map(({ length }) => length),
        Array.from({ length: Math.ceil(all.length / boundary) }, (_, n) =>
          Math.min(boundary, all.length - n * boundary),
        ),
      );
      assert.equal(new Set(chunks.map(({ buffer }) => buffer)).size, chunks.length);
      for (const chunk of chunks) assert.equal(chunk.buffer.byteLength, chunk.length);
    }),
  );
});

test('a chunk has 1 MiB, or less before a boundary', async () => {
  const stream = streamOf([new Uint8Array(3.5 * MIB)]);
  const chunks = await collect(rechunk(stream, 1.5 * MIB));
  assert.deepEqual(
    chunks.map(({ length }) => length / MIB),
    [1, 0.5, 1, 0.5, 0.5],
  );
});

test('a chunk of its own is freed, and one of a shared buffer is left alone', () => {
  const own = new Uint8Array(100);
  freeChunk(own);
  assert.equal(own.length, 0);
  const shared = new Uint8Array(new ArrayBuffer(200), 50, 100).fill(7);
  freeChunk(shared);
  assert.deepEqual([shared.length, shared[99]], [100, 7]);
});

test('a prefetched stream has the same items, and is exactly one item ahead of its reader', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer()), fc.nat({ max: 20 }), async (all, stopAfter) => {
      let requested = 0;
      let isClosed = false;
      async function* source() {
        try {
          for (const item of all) {
            requested += 1;
            yield item;
          }
        } finally {
          isClosed = true;
        }
      }
      const read: number[] = [];
      for await (const item of prefetch(source())) {
        read.push(item);
        assert.equal(requested, Math.min(read.length + 1, all.length));
        if (read.length === stopAfter) break;
      }
      assert.deepEqual(read, stopAfter === 0 ? all : all.slice(0, stopAfter));
      assert.ok(isClosed);
    }),
  );
});

test('an error of a prefetched stream comes after the items before it, and is handled if nobody reads so far', async () => {
  const fails = async function* () {
    yield 1;
    throw new Error('broken');
  };
  const read: number[] = [];
  await assert.rejects(async () => {
    for await (const item of prefetch(fails())) read.push(item);
  }, /broken/);
  assert.deepEqual(read, [1]);
  for await (const _ of prefetch(fails())) break;
});
