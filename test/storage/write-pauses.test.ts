import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';
import { writeInPlace } from '../../packages/server/src/storage/disk/write-in-place.ts';
import { memoryFile } from './memory-file.ts';

const CHUNK = 64 * 1024;
/** What every writer can hold without using the budget, and what a slow sender's writes have at least. */
const LITTLE = 32 * 1024;

describe('writing in place for a slow sender', () => {
  it('writes what was gathered during a write as soon as that has ended, if it is at least 32 KiB', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { file, sender, gate, writing } = startWriting({});
    await send(sender, CHUNK);
    await send(sender, LITTLE);
    gate.resolve();
    await settle();
    assert.deepEqual(file.writes, [CHUNK, LITTLE]);
    await send(sender, LITTLE - 1);
    assert.deepEqual(file.writes, [CHUNK, LITTLE]);
    sender.end();
    await writing;
    assert.deepEqual(file.writes, [CHUNK, LITTLE, LITTLE - 1]);
  });
});

describe('writing in place to a file that prefers larger writes', () => {
  const PREFERRED = 4 * CHUNK;

  it('gathers that much, or at least 32 KiB if the sender pauses for 20 ms', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { file, sender, gate, budget, writing } = startWriting({ preferredBytes: PREFERRED });
    gate.resolve();
    await send(sender, LITTLE - 1);
    await pass(t, 1_000);
    assert.deepEqual(file.writes, []);
    assert.equal(budget.reserved, 0);
    await send(sender, 1);
    assert.equal(budget.reserved, CHUNK, 'space for the next chunk');
    await pass(t, 19);
    assert.deepEqual(file.writes, []);
    await pass(t, 1);
    assert.deepEqual(file.writes, [LITTLE]);
    assert.equal(budget.reserved, 0);
    sender.end();
    await writing;
  });

  it('measures a pause from the last write, and counts all chunks but the first against the budget', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { file, sender, gate, budget, writing } = startWriting({ preferredBytes: PREFERRED });
    await send(sender, CHUNK);
    await pass(t, 10);
    await send(sender, PREFERRED - CHUNK);
    assert.equal(budget.reserved, PREFERRED, 'all but the first chunk, and space for the next one');
    gate.resolve();
    await settle();
    assert.deepEqual(file.writes, [PREFERRED]);
    await send(sender, CHUNK);
    await pass(t, 19);
    assert.deepEqual(file.writes, [PREFERRED]);
    await pass(t, 1);
    assert.deepEqual(file.writes, [PREFERRED, CHUNK]);
    sender.end();
    await writing;
    assert.equal(budget.reserved, 0);
  });

  it('writes what was gathered during a write when the sender has paused for 20 ms after it', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { file, sender, gate, budget, writing } = startWriting({ preferredBytes: PREFERRED });
    await send(sender, PREFERRED);
    await send(sender, LITTLE);
    await pass(t, 1_000);
    assert.equal(file.started, 1, 'one write at a time');
    gate.resolve();
    await settle();
    assert.equal(budget.reserved, LITTLE + CHUNK);
    await pass(t, 19);
    assert.deepEqual(file.writes, [PREFERRED]);
    await pass(t, 1);
    assert.deepEqual(file.writes, [PREFERRED, LITTLE]);
    assert.equal(budget.reserved, 0);
    sender.end();
    await writing;
  });

  it('writes nothing more after the body has failed', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { file, sender, budget, writing } = startWriting({ preferredBytes: PREFERRED });
    await send(sender, CHUNK);
    sender.destroy(new Error('cut'));
    await assert.rejects(writing, /cut/);
    await pass(t, 1_000);
    assert.equal(file.started, 0);
    assert.equal(budget.reserved, 0);
  });

  it('writes less if the budget is used up', async () => {
    const budget = new ByteBudget(CHUNK - 1);
    const { file, sender, gate, writing } = startWriting({ preferredBytes: PREFERRED, budget });
    gate.resolve();
    for (let n = 0; n < 3; n += 1) await send(sender, LITTLE);
    assert.deepEqual(file.writes, [LITTLE, LITTLE, LITTLE]);
    sender.end();
    await writing;
  });
});

interface WritingOptions {
  preferredBytes?: number;
  budget?: ByteBudget;
}

/** Writes what `sender` sends to a file whose writes wait for the gate. */
function startWriting({ preferredBytes = 0, budget = new ByteBudget() }: WritingOptions) {
  const gate = Promise.withResolvers<void>();
  const memory = memoryFile(16 * CHUNK);
  const file = {
    ...(preferredBytes > 0 && { preferredBytes }),
    writes: memory.writes,
    started: 0,
    async writev(buffers: Uint8Array[], position: number) {
      file.started += 1;
      await gate.promise;
      return memory.writev(buffers, position);
    },
  };
  const sender = new PassThrough({ objectMode: true });
  return { file, sender, gate, budget, writing: writeInPlace(file, { offset: 0 }, sender, budget) };
}

async function send(sender: PassThrough, bytes: number): Promise<void> {
  sender.write(new Uint8Array(bytes));
  await settle();
}

async function pass(t: TestContext, millis: number): Promise<void> {
  t.mock.timers.tick(millis);
  await settle();
}

/** Waits for everything that happens without input or timers. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await new Promise(setImmediate);
}
