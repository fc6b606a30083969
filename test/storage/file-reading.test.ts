import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';
import { FileReader } from '../../packages/server/src/storage/disk/file-reader.ts';
import { type Fault, faulty } from '../faults/faulty.ts';
import { seededBytes } from '../support/bytes.ts';
import { listDescriptors } from '../support/descriptors.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from './temporary-folder.ts';

const bytes = seededBytes(3_000_000, 'file-reading');
const MIB = 1024 * 1024;

test('a range of a file is read correctly, with and without memory in the budget', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, bytes);
  for (const budget of [new ByteBudget(), new ByteBudget(0)]) {
    for (const [first, last] of [
      [0, bytes.length - 1],
      [0, 0],
      [5, 524_292],
      [2_999_999, 2_999_999],
      [0, -1],
    ] as const) {
      const chunks = await new FileReader(await open(path), { first, last }, { budget }).toArray();
      assert.deepEqual(Buffer.concat(chunks), bytes.subarray(first, last + 1));
    }
    assert.equal(budget.reserved, 0);
  }
});

test('400 files with stopped readers use only the budget and 16 KiB each, and nothing after they are destroyed', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, bytes);
  const budget = new ByteBudget(4 * MIB);
  const before = listDescriptors(process.pid).length;
  let held = 0;
  let begun = 0;
  const readings = await Promise.all(
    Array.from({ length: 400 }, async () => {
      const reading = new FileReader(await open(path), { first: 0, last: bytes.length - 1 }, { budget });
      reading.on('data', (chunk: Buffer) => {
        begun += 1;
        held += chunk.length;
        reading.pause();
      });
      return reading;
    }),
  );
  await until(() => begun >= 400);
  assert.equal(begun, 400, 'reading continued although its reader had stopped');
  assert.ok(budget.reserved <= budget.total);
  assert.ok(held <= budget.total + 400 * 16 * 1024, String(held));
  assert.ok(readings.every(({ readableLength }) => readableLength === 0));
  for (const reading of readings) reading.destroy();
  await until(() => readings.every(({ closed }) => closed));
  assert.equal(budget.reserved, 0);
  assert.ok(listDescriptors(process.pid).length <= before + 1);
});

test('a file that ends before the range does is an error, not a shorter range', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, bytes);
  const reading = new FileReader(await open(path), { first: 0, last: bytes.length }, { budget: new ByteBudget() });
  await assert.rejects(reading.toArray(), /ended 1 bytes too early/);
});

test('a file is read in large chunks, and in chunks of 16 KiB if the budget is used up', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, bytes);
  for (const [budget, largest] of [
    [new ByteBudget(), 512 * 1024],
    [new ByteBudget(16 * 1024), 16 * 1024],
    [new ByteBudget(512 * 1024), 512 * 1024],
  ] as const) {
    const chunks: Buffer[] = await new FileReader(await open(path), { first: 0, last: MIB - 1 }, { budget }).toArray();
    assert.deepEqual(new Set(chunks.map(({ length }) => length)), new Set([largest]));
    assert.equal(budget.reserved, 0);
  }
});

test('a reader of a few bytes uses nothing of the budget', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, bytes);
  const budget = new ByteBudget();
  const drawn: number[] = [];
  for (const size of [16 * 1024, 16 * 1024 + 1]) {
    const reading = new FileReader(await open(path), { first: 0, last: size - 1 }, { budget });
    for await (const chunk of reading) drawn.push(chunk.length, budget.reserved);
  }
  assert.deepEqual(drawn, [16 * 1024, 0, 16 * 1024 + 1, 16 * 1024 + 1]);
});

test('a file that cannot be read or closed fails its reader with the first of these errors', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, bytes);
  const [unreadable, unclosable] = [new Error('it cannot be read'), new Error('it cannot be closed')];
  for (const [plan, expected] of [
    [[{ method: 'read', when: 'before', fail: unreadable }], unreadable],
    [[{ method: 'close', when: 'after', fail: unclosable }], unclosable],
    [
      [
        { method: 'read', when: 'before', fail: unreadable },
        { method: 'close', when: 'after', fail: unclosable },
      ],
      unreadable,
    ],
  ] as [Fault<FileHandle>[], Error][]) {
    const file = faulty(await open(path), plan);
    const reading = new FileReader(file, { first: 0, last: 99 }, { budget: new ByteBudget() });
    reading.on('error', () => {}).resume();
    await new Promise((resolve) => reading.once('close', resolve));
    assert.equal(reading.errored, expected);
  }
});

test('a reader that stops while its file is read gets nothing more, and its file is closed', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, bytes);
  const { promise, resolve } = Promise.withResolvers<void>();
  let isRead = false;
  const hook = () => {
    isRead = true;
  };
  const file = faulty(await open(path), [{ method: 'read', when: 'after', hook, delay: promise }]);
  const budget = new ByteBudget();
  const reading = new FileReader(file, { first: 0, last: bytes.length - 1 }, { budget });
  let came = 0;
  reading.on('data', (chunk: Buffer) => (came += chunk.length));
  await until(() => budget.reserved > 0);
  reading.destroy();
  await once(reading, 'close');
  resolve();
  await until(() => isRead);
  assert.equal(came, 0);
  assert.equal(budget.reserved, 0);
});

test('views of a file are its bytes in order, in one buffer that is used again', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, bytes);
  for (const [budget, first, last] of [
    [new ByteBudget(), 7, bytes.length - 2],
    [new ByteBudget(0), 7, bytes.length - 2],
    [new ByteBudget(), 7, 7],
  ] as const) {
    const reading = new FileReader(await open(path), { first, last }, { budget });
    const buffers = new Set<ArrayBufferLike>();
    const copies: Uint8Array[] = [];
    for await (const view of reading.views()) {
      buffers.add(view.buffer);
      copies.push(Buffer.from(view));
    }
    assert.equal(buffers.size, 1);
    assert.ok(Buffer.concat(copies).equals(bytes.subarray(first, last + 1)));
    reading.destroy();
    assert.equal(budget.reserved, 0);
  }
});
