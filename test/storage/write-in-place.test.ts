import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';
import { type VectorFile, writeInPlace } from '../../packages/server/src/storage/disk/write-in-place.ts';
import { randomBytesOfSize } from '../conformance/blob-samples.ts';
import { chunks, memoryFile, size } from './memory-file.ts';

const CHUNK = 64 * 1024;

describe('writing in place', () => {
  it('gathers what arrives during a write for the next write, up to a mebibyte', async () => {
    const bytes = randomBytesOfSize(40 * CHUNK);
    const file = memoryFile(bytes.length);
    await writeInPlace(file, { offset: 0, length: bytes.length }, chunks(bytes, CHUNK), new ByteBudget());
    assert.deepEqual(file.bytes, bytes);
    assert.equal(file.writes[0], CHUNK);
    assert.equal(file.writes[1], 16 * CHUNK);
    assert.ok(Math.max(...file.writes) <= 16 * CHUNK);
  });

  it('reads a chunk only after the last one is written if the budget is used up', async () => {
    const bytes = randomBytesOfSize(10 * CHUNK);
    const file = memoryFile(bytes.length);
    let held = 0;
    async function* body() {
      for await (const chunk of chunks(bytes, CHUNK)) {
        held = Math.max(held, file.received + CHUNK - file.done);
        file.received += CHUNK;
        yield chunk;
      }
    }
    const budget = new ByteBudget(CHUNK - 1);
    await writeInPlace(file, { offset: 0, length: bytes.length }, body(), budget);
    assert.deepEqual(file.bytes, bytes);
    assert.equal(held, CHUNK);
    assert.deepEqual(new Set(file.writes), new Set([CHUNK]));
  });

  it('keeps many writers together within the budget, and releases all of it', async () => {
    const budget = new ByteBudget(20 * CHUNK);
    let maxUsed = 0;
    await Promise.all(
      Array.from({ length: 30 }, async () => {
        const bytes = randomBytesOfSize(20 * CHUNK + 3);
        const file = memoryFile(bytes.length, () => {
          maxUsed = Math.max(maxUsed, budget.reserved);
        });
        await writeInPlace(file, { offset: 0, length: bytes.length }, chunks(bytes, 9_999), budget);
        assert.deepEqual(file.bytes, bytes);
      }),
    );
    assert.ok(maxUsed > 0 && maxUsed <= budget.total, `${maxUsed} of ${budget.total}`);
    assert.equal(budget.reserved, 0);
  });

  it('uses nothing of the budget for a sender that stalls', async () => {
    const budget = new ByteBudget();
    const silent = Promise.withResolvers<void>();
    const file = memoryFile(2 * CHUNK);
    async function* body() {
      yield new Uint8Array(CHUNK);
      await silent.promise;
      yield new Uint8Array(CHUNK);
    }
    const writing = writeInPlace(file, { offset: 0, length: 2 * CHUNK }, body(), budget);
    while (file.done === 0 || budget.reserved > 0) await new Promise(setImmediate);
    silent.resolve();
    await writing;
  });

  it('gathers the drops of a slow sender, and keeps at most 32 KiB of them', async () => {
    const bytes = randomBytesOfSize(5 * CHUNK + 7);
    const file = memoryFile(bytes.length);
    let held = 0;
    async function* body() {
      for await (const drop of chunks(bytes, 1_000)) {
        file.received += drop.length;
        held = Math.max(held, file.received - file.done);
        yield drop;
        // Slow: every write has completed before the next drop arrives.
        await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      }
    }
    const budget = new ByteBudget();
    await writeInPlace(file, { offset: 0, length: bytes.length }, body(), budget);
    assert.deepEqual(file.bytes, bytes);
    assert.ok(held <= 33_000, `${held} bytes kept`);
    assert.ok(Math.min(...file.writes.slice(0, -1)) >= 32 * 1024);
    assert.equal(budget.reserved, 0);
  });

  it('frees the memory of a chunk after it is written, but not memory that others share', async () => {
    const alone = new Uint8Array(CHUNK);
    const shared = new Uint8Array(2 * CHUNK).subarray(0, CHUNK);
    async function* body() {
      yield alone;
      yield shared;
    }
    await writeInPlace(memoryFile(2 * CHUNK), { offset: 0, length: 2 * CHUNK }, body(), new ByteBudget());
    assert.equal(alone.length, 0);
    assert.equal(shared.length, CHUNK);
  });

  it('continues a write that the disk cut short, within a chunk or between two', async () => {
    for (const [size, cut] of [
      [3 * CHUNK, 10_007],
      [5_000, 2_000],
      [3_000, 1],
    ] as const) {
      const bytes = randomBytesOfSize(size);
      const file = memoryFile(size + 10);
      const short: VectorFile = {
        writev(buffers, position) {
          assert.ok(buffers.every(({ length }) => length > 0));
          return file.writev([Buffer.concat(buffers).subarray(0, cut)], position);
        },
      };
      await writeInPlace(short, { offset: 10, length: size }, chunks(bytes, 1_000), new ByteBudget());
      assert.deepEqual(file.bytes.subarray(10), bytes);
    }
  });

  it('rejects only after the write in progress has ended, and writes nothing after it', async () => {
    const gate = Promise.withResolvers<void>();
    const events: string[] = [];
    const file: VectorFile = {
      async writev(buffers) {
        events.push('write begins');
        await gate.promise;
        events.push('write ends');
        return { bytesWritten: size(buffers) };
      },
    };
    const budget = new ByteBudget();
    async function* body() {
      yield new Uint8Array(CHUNK);
      yield new Uint8Array(CHUNK);
      throw new Error('cut');
    }
    const writing = writeInPlace(file, { offset: 0, length: 3 * CHUNK }, body(), budget).catch((error: Error) => {
      events.push(error.message);
    });
    for (let turns = 0; turns < 10; turns += 1) await new Promise(setImmediate);
    gate.resolve();
    await writing;
    assert.deepEqual(events, ['write begins', 'write ends', 'cut']);
    assert.equal(budget.reserved, 0);
  });

  it('stops reading and rejects when a write fails', async () => {
    const budget = new ByteBudget();
    const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
    const file: VectorFile = { writev: () => Promise.reject(full) };
    let released = false;
    async function* body() {
      try {
        for (;;) {
          yield new Uint8Array(CHUNK);
          await new Promise(setImmediate);
        }
      } finally {
        released = true;
      }
    }
    const writing = writeInPlace(file, { offset: 0, length: 1e9 }, body(), budget);
    await assert.rejects(writing, { code: 'storage-full', cause: full });
    assert.ok(released);
    assert.equal(budget.reserved, 0);
  });

  it('rejects if the last write fails, and writes nothing after a failure', async () => {
    for (const sizes of [[10], [CHUNK], [CHUNK, 10], [CHUNK, CHUNK]]) {
      const gate = Promise.withResolvers<void>();
      let writes = 0;
      const file: VectorFile = {
        async writev(buffers) {
          writes += 1;
          await gate.promise;
          if (writes > 1) return { bytesWritten: size(buffers) };
          throw new Error('broken');
        },
      };
      const budget = new ByteBudget();
      async function* body() {
        for (const length of sizes) yield new Uint8Array(length);
        setImmediate(gate.resolve);
      }
      await assert.rejects(writeInPlace(file, { offset: 0 }, body(), budget), /broken/);
      assert.equal(writes, 1, `${sizes}`);
      assert.equal(budget.reserved, 0);
    }
  });

  it('continues reading after an empty chunk, also during a write', async () => {
    const gate = Promise.withResolvers<void>();
    const file = memoryFile(2 * CHUNK);
    const held: VectorFile = {
      async writev(buffers, position) {
        assert.ok(buffers.every(({ length }) => length > 0));
        await gate.promise;
        return file.writev(buffers, position);
      },
    };
    let pulled = 0;
    async function* body() {
      for (const length of [CHUNK, 0, 0, CHUNK]) {
        pulled += 1;
        yield new Uint8Array(length);
      }
    }
    const budget = new ByteBudget();
    const writing = writeInPlace(held, { offset: 0, length: 2 * CHUNK }, body(), budget);
    for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
    assert.equal(pulled, 4);
    // The second chunk, and space for one that does not arrive.
    assert.equal(budget.reserved, 2 * CHUNK);
    gate.resolve();
    await writing;
    assert.equal(budget.reserved, 0);
  });

  it('gathers at most a thousand chunks, however small they are', async () => {
    const gate = Promise.withResolvers<void>();
    const file = memoryFile(CHUNK + 3_000);
    const held: VectorFile = {
      async writev(buffers, position) {
        await gate.promise;
        return file.writev(buffers, position);
      },
    };
    let pulled = 0;
    async function* body() {
      yield new Uint8Array(CHUNK);
      for (; pulled < 3_000; pulled += 1) yield new Uint8Array(1);
    }
    const writing = writeInPlace(held, { offset: 0, length: CHUNK + 3_000 }, body(), new ByteBudget());
    for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
    assert.equal(pulled, 1_023);
    gate.resolve();
    await writing;
    assert.equal(file.done, CHUNK + 3_000);
  });

  it('starts a write at a thousand chunks, even if they are fewer than 32 KiB', async () => {
    const file = memoryFile(5_000);
    await writeInPlace(file, { offset: 0, length: 5_000 }, chunks(new Uint8Array(5_000), 1), new ByteBudget());
    assert.equal(file.done, 5_000);
    assert.ok(Math.max(...file.writes) <= 1_024, `${file.writes}`);
  });

  it('starts a write at 32 KiB, and at the end of a body with less', async () => {
    for (const [size, first] of [
      [32 * 1024 - 1, 0],
      [32 * 1024, 1],
    ] as const) {
      const file = memoryFile(size);
      let atEnd = -1;
      async function* body() {
        yield new Uint8Array(size);
        for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
        atEnd = file.writes.length;
      }
      await writeInPlace(file, { offset: 0, length: size }, body(), new ByteBudget());
      assert.equal(atEnd, first);
      assert.deepEqual(file.writes, [size]);
    }
  });

  it('accepts a body of any length if none is given, and rejects any other length than the given one', async () => {
    const file = memoryFile(CHUNK);
    for (const size of [0, 1, CHUNK]) {
      const before = file.done;
      await writeInPlace(file, { offset: 0 }, chunks(new Uint8Array(size), 1_000), new ByteBudget());
      assert.equal(file.done - before, size);
    }
    for (const size of [9, 11]) {
      const writing = writeInPlace(file, { offset: 0, length: 10 }, chunks(new Uint8Array(size), 5), new ByteBudget());
      await assert.rejects(writing, RangeError);
    }
    await writeInPlace(file, { offset: 0, length: 0 }, chunks(new Uint8Array(0), 5), new ByteBudget());
  });

  it('does not loop on a file that accepts nothing', async () => {
    const file: VectorFile = { writev: async () => ({ bytesWritten: 0 }) };
    const body = chunks(new Uint8Array(10), 10);
    await assert.rejects(writeInPlace(file, { offset: 0, length: 10 }, body, new ByteBudget()), /accepted none/);
  });
});
