import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BodySplitter } from '../../packages/server/src/storage/s3/body-splitter.ts';
import { brokenBody, collect, randomBytesOfSize } from '../conformance/blob-samples.ts';

describe('a split body', () => {
  it('is split at the exact byte, whatever its chunks, and reports when nothing is left', async () => {
    for (const [size, chunk, piece] of [
      [100, 7, 10],
      [100, 100, 10],
      [100, 10, 10],
      [99, 10, 33],
      [0, 1, 10],
      [1, 1, 10],
    ] as const) {
      const bytes = randomBytesOfSize(size);
      const pieces = new BodySplitter(chunks(bytes, chunk));
      const found: Uint8Array[] = [];
      while (await pieces.hasMore()) found.push(Buffer.concat(await collect(pieces.next(piece))));
      assert.deepEqual(new Uint8Array(Buffer.concat(found)), bytes);
      assert.ok(found.slice(0, -1).every(({ length }) => length === piece));
      assert.equal(found.length, Math.ceil(size / piece));
    }
  });

  it("throws the body's error in the chunk in which it occurs", async () => {
    const broken = new Error('the line was cut');
    const pieces = new BodySplitter(brokenBody(randomBytesOfSize(25), broken, 10));
    assert.equal(Buffer.concat(await collect(pieces.next(20))).length, 20);
    await assert.rejects(collect(pieces.next(20)), (error) => error === broken);
  });

  it('closes a body that is not read to its end', async () => {
    let released = false;
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield randomBytesOfSize(10);
      } finally {
        released = true;
      }
    }
    const pieces = new BodySplitter(body());
    await collect(pieces.next(15));
    await pieces.close();
    assert.ok(released);
  });
});

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  yield bytes.slice(0, 0);
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}
