import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BlobStore, PartRange, StagedBlob } from '../../packages/server/src/storage/blob-store.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { DurableFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import { blobStoreBehaves } from '../conformance/blob-store.ts';
import { bodyOf, bytesOfSize, collect, grid, newContentId, slotsOf } from '../conformance/content-samples.ts';
import { openingWith, systemError } from './opening-with.ts';
import { temporaryFolder } from './temporary-folder.ts';

const PART = 64 * 1024;

blobStoreBehaves('the disk store', async () => {
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
    const staged = await store.create(newContentId(), grid(3 * PART + 5, PART));
    const path = join(folder, 'staging', staged.blob);
    const before = Buffer.alloc(3 * PART + 5, 0xee);
    await writeFile(path, before);
    for (const range of slotsOf(staged.layout)) {
      await assert.rejects(store.writePart(staged, range, tooLong(range.length)), RangeError);
      const found = await readFile(path);
      assert.deepEqual(found.subarray(0, range.offset), before.subarray(0, range.offset));
      assert.deepEqual(found.subarray(range.offset + range.length), before.subarray(range.offset + range.length));
      await writeFile(path, before);
    }
    await assert.rejects(store.writePart(staged, { index: 4, offset: 3 * PART, length: 6 }, tooLong(0)), RangeError);
  });

  it('refuses a body that ends before its slot', async (t) => {
    const { store, staging: staged, slot: range, bytes } = await oneSlot(t);
    await assert.rejects(
      store.writePart(staged, range, bodyOf(bytes, { ...range, length: range.length - 1 })),
      RangeError,
    );
  });

  it('keeps files for its owner alone, and sealed ones read-only', async (t) => {
    const { folder, store, staging: staged, slot: range, bytes } = await oneSlot(t);
    const id = staged.blob;
    assert.equal((await stat(join(folder, 'staging', id))).mode & 0o777, 0o600);
    await store.writePart(staged, range, bodyOf(bytes, range));
    await store.complete(staged, ['']);
    assert.equal((await stat(join(folder, 'blobs', id.slice(0, 2), id.slice(2, 4), id))).mode & 0o777, 0o400);
    assert.equal((await stat(join(folder, 'blobs', id.slice(0, 2)))).mode & 0o777, 0o700);
  });

  it('has the full size from the beginning, and the slots where locate says', async (t) => {
    const { folder, store, staging: staged, slot: range, bytes } = await oneSlot(t);
    assert.equal((await stat(join(folder, 'staging', staged.blob))).size, staged.layout.fileSize);
    await store.writePart(staged, range, bodyOf(bytes, range));
    assert.deepEqual(await locatedBytes(store, staged, range), bytes);
    await store.complete(staged, ['']);
    assert.deepEqual(await locatedBytes(store, staged, range), bytes);
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
      const blob = id as StagedBlob['blob'];
      const staging = { blob, layout: grid(1, PART) };
      const slot = { index: 0, offset: 0, length: 1 };
      await assert.rejects(store.create(blob, grid(1, PART)), TypeError);
      await assert.rejects(store.writePart(staging, slot, tooLong(0)), TypeError);
      await assert.rejects(store.localPart(staging, slot), TypeError);
      await assert.rejects(store.complete(staging, []), TypeError);
      await assert.rejects(store.read(blob), TypeError);
      await assert.rejects(store.remove(blob), TypeError);
    }
  });

  it('lists nothing it did not make', async (t) => {
    const folder = await temporaryFolder(t);
    const store = await openDiskStore(folder);
    await writeFile(join(folder, 'staging', 'README'), 'x');
    await mkdir(join(folder, 'blobs', 'lost+found'));
    await mkdir(join(folder, 'blobs', 'aa', 'bb'), { recursive: true });
    await writeFile(join(folder, 'blobs', 'aa', 'bb', 'c'.repeat(32)), 'in the wrong folder');
    assert.deepEqual(await collect(store.list()), []);
  });

  it('says so when a file has the wrong size, and does not seal it', async (t) => {
    const { folder, store, staging: staged, slot: range, bytes } = await oneSlot(t);
    const id = staged.blob;
    const sealed = join(folder, 'blobs', id.slice(0, 2), id.slice(2, 4), id);
    await store.writePart(staged, range, bodyOf(bytes, range));
    await truncate(join(folder, 'staging', id), 7);
    await assert.rejects(store.complete(staged, ['']), /has 7 bytes where \d+ were written/);
    await truncate(join(folder, 'staging', id), bytes.length);
    await store.complete(staged, ['']);
    await chmod(sealed, 0o600);
    await truncate(sealed, 9);
    await assert.rejects(store.complete(staged, ['']), /has 9 bytes where \d+ were written/);
  });

  it('leaves no file behind when it cannot begin one', async (t) => {
    const folder = await temporaryFolder(t);
    const failing = { method: 'sync', path: /staging.[0-9a-f]{32}$/, error: systemError('EIO') } as const;
    const files = new DurableFiles({ openFile: openingWith({ faults: [failing] }) });
    const store = await openDiskStore(folder, { files });
    await assert.rejects(store.create(newContentId(), grid(10, PART)), { code: 'EIO' });
    assert.deepEqual(await readdir(join(folder, 'staging')), []);
    const taken = await (await openDiskStore(folder)).create(newContentId(), grid(10, PART));
    await assert.rejects(store.create(taken.blob, grid(10, PART)), { code: 'EEXIST' });
    assert.deepEqual(await readdir(join(folder, 'staging')), [taken.blob]);
  });

  it('makes its folder with all that lead to it', async (t) => {
    const folder = join(await temporaryFolder(t), 'deep', 'down');
    await openDiskStore(folder);
    assert.deepEqual((await readdir(folder)).sort(), ['blobs', 'staging']);
    await openDiskStore(folder);
  });
});

async function oneSlot(t: TestContext) {
  const folder = await temporaryFolder(t);
  const store = await openDiskStore(folder);
  const bytes = bytesOfSize(PART);
  const staged = await store.create(newContentId(), grid(PART, PART));
  return { folder, store, staging: staged, bytes, slot: slotsOf(staged.layout)[0] as PartRange };
}

async function* tooLong(length: number): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(length);
  yield new Uint8Array(1);
}

async function locatedBytes(store: BlobStore, staged: StagedBlob, range: PartRange): Promise<Uint8Array> {
  const place = await store.localPart(staged, range);
  assert.ok(place);
  const file = await open(place.path, 'r');
  try {
    const { buffer } = await file.read(new Uint8Array(place.length), 0, place.length, place.offset);
    return buffer;
  } finally {
    await file.close();
  }
}
