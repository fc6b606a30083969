import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { ContentStore, Slot, Staging } from '../../packages/server/src/storage/blob-store.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { LocalFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import { bodyOf, bytesOfSize, collect, grid, newContentId, slotsOf } from '../conformance/content-samples.ts';
import { contentStoreBehaves } from '../conformance/content-store.ts';
import { openingWith, systemError } from './opening-with.ts';
import { temporaryFolder } from './temporary-folder.ts';

const PART = 64 * 1024;

contentStoreBehaves('the disk store', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'partway-disk-'));
  return {
    store: await openDiskStore(folder),
    restart: () => openDiskStore(folder),
    close: () => rm(folder, { recursive: true }),
  };
});

describe('the disk store, on its disk,', () => {
  it('touches no byte outside a slot and never makes the file longer', async (t) => {
    const folder = await temporaryFolder(t);
    const store = await openDiskStore(folder);
    const staging = await store.begin(newContentId(), grid(3 * PART + 5, PART));
    const path = join(folder, 'staging', staging.content);
    const before = Buffer.alloc(3 * PART + 5, 0xee);
    await writeFile(path, before);
    for (const slot of slotsOf(staging.grid)) {
      await assert.rejects(store.write(staging, slot, tooLong(slot.length)), RangeError);
      const found = await readFile(path);
      assert.deepEqual(found.subarray(0, slot.offset), before.subarray(0, slot.offset));
      assert.deepEqual(found.subarray(slot.offset + slot.length), before.subarray(slot.offset + slot.length));
      await writeFile(path, before);
    }
    await assert.rejects(store.write(staging, { index: 4, offset: 3 * PART, length: 6 }, tooLong(0)), RangeError);
  });

  it('refuses a body that ends before its slot', async (t) => {
    const { store, staging, slot, bytes } = await oneSlot(t);
    await assert.rejects(store.write(staging, slot, bodyOf(bytes, { ...slot, length: slot.length - 1 })), RangeError);
  });

  it('keeps files for its owner alone, and sealed ones read-only', async (t) => {
    const { folder, store, staging, slot, bytes } = await oneSlot(t);
    const id = staging.content;
    assert.equal((await stat(join(folder, 'staging', id))).mode & 0o777, 0o600);
    await store.write(staging, slot, bodyOf(bytes, slot));
    await store.seal(staging, ['']);
    assert.equal((await stat(join(folder, 'content', id.slice(0, 2), id.slice(2, 4), id))).mode & 0o777, 0o400);
    assert.equal((await stat(join(folder, 'content', id.slice(0, 2)))).mode & 0o777, 0o700);
  });

  it('has the full size from the beginning, and the slots where locate says', async (t) => {
    const { folder, store, staging, slot, bytes } = await oneSlot(t);
    assert.equal((await stat(join(folder, 'staging', staging.content))).size, staging.grid.fileSize);
    await store.write(staging, slot, bodyOf(bytes, slot));
    assert.deepEqual(await locatedBytes(store, staging, slot), bytes);
    await store.seal(staging, ['']);
    assert.deepEqual(await locatedBytes(store, staging, slot), bytes);
  });

  it('makes no path of what is not a content id', async (t) => {
    const store = await openDiskStore(await temporaryFolder(t));
    for (const id of [
      '../../../../../../../../etc/passwd',
      'A'.repeat(32),
      `${'a'.repeat(31)}\0`,
      `${'a'.repeat(32)}\n`,
      '',
    ]) {
      const content = id as Staging['content'];
      const staging = { content, grid: grid(1, PART) };
      const slot = { index: 0, offset: 0, length: 1 };
      await assert.rejects(store.begin(content, grid(1, PART)), TypeError);
      await assert.rejects(store.write(staging, slot, tooLong(0)), TypeError);
      await assert.rejects(store.locate(staging, slot), TypeError);
      await assert.rejects(store.seal(staging, []), TypeError);
      await assert.rejects(store.open(content), TypeError);
      await assert.rejects(store.remove(content), TypeError);
    }
  });

  it('lists nothing it did not make', async (t) => {
    const folder = await temporaryFolder(t);
    const store = await openDiskStore(folder);
    await writeFile(join(folder, 'staging', 'README'), 'x');
    await mkdir(join(folder, 'content', 'lost+found'));
    await mkdir(join(folder, 'content', 'aa', 'bb'), { recursive: true });
    await writeFile(join(folder, 'content', 'aa', 'bb', 'c'.repeat(32)), 'in the wrong folder');
    assert.deepEqual(await collect(store.list()), []);
  });

  it('says so when a file has the wrong size, and does not seal it', async (t) => {
    const { folder, store, staging, slot, bytes } = await oneSlot(t);
    const id = staging.content;
    const sealed = join(folder, 'content', id.slice(0, 2), id.slice(2, 4), id);
    await store.write(staging, slot, bodyOf(bytes, slot));
    await truncate(join(folder, 'staging', id), 7);
    await assert.rejects(store.seal(staging, ['']), /has 7 bytes where \d+ were written/);
    await truncate(join(folder, 'staging', id), bytes.length);
    await store.seal(staging, ['']);
    await chmod(sealed, 0o600);
    await truncate(sealed, 9);
    await assert.rejects(store.seal(staging, ['']), /has 9 bytes where \d+ were written/);
  });

  it('leaves no file behind when it cannot begin one', async (t) => {
    const folder = await temporaryFolder(t);
    const failing = { method: 'sync', path: /staging.[0-9a-f]{32}$/, error: systemError('EIO') } as const;
    const files = new LocalFiles({ openFile: openingWith({ faults: [failing] }) });
    const store = await openDiskStore(folder, { files });
    await assert.rejects(store.begin(newContentId(), grid(10, PART)), { code: 'EIO' });
    assert.deepEqual(await readdir(join(folder, 'staging')), []);
    const taken = await (await openDiskStore(folder)).begin(newContentId(), grid(10, PART));
    await assert.rejects(store.begin(taken.content, grid(10, PART)), { code: 'EEXIST' });
    assert.deepEqual(await readdir(join(folder, 'staging')), [taken.content]);
  });

  it('makes its folder with all that lead to it', async (t) => {
    const folder = join(await temporaryFolder(t), 'deep', 'down');
    await openDiskStore(folder);
    assert.deepEqual((await readdir(folder)).sort(), ['content', 'staging']);
    await openDiskStore(folder);
  });
});

async function oneSlot(t: TestContext) {
  const folder = await temporaryFolder(t);
  const store = await openDiskStore(folder);
  const bytes = bytesOfSize(PART);
  const staging = await store.begin(newContentId(), grid(PART, PART));
  return { folder, store, staging, bytes, slot: slotsOf(staging.grid)[0] as Slot };
}

async function* tooLong(length: number): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(length);
  yield new Uint8Array(1);
}

async function locatedBytes(store: ContentStore, staging: Staging, slot: Slot): Promise<Uint8Array> {
  const place = await store.locate(staging, slot);
  assert.ok(place);
  const file = await open(place.path, 'r');
  try {
    const { buffer } = await file.read(new Uint8Array(place.length), 0, place.length, place.offset);
    return buffer;
  } finally {
    await file.close();
  }
}
