import assert from 'node:assert/strict';
import { mkdir, open, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DiskSpace } from '../../packages/server/src/storage/disk/disk-space.ts';
import { mountSmallDisk, type SmallDisk } from '../faults/small-disk.ts';

const MIB = 2 ** 20;
const FULL = { code: 'storage-full' };

describe('the free space of a disk', () => {
  it('can be reserved to the last byte, except for one percent of the disk', async (t) => {
    await using disk = await mountSmallDisk('64m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const { space, free } = await openSpace(disk);
    assert.equal(free, (await bytesOf(disk)) - Math.floor((await sizeOf(disk)) / 100));
    await assert.rejects(space.reserve('a', free + 1), FULL);
    await space.reserve('a', free);
    await assert.rejects(space.reserve('b', 1), FULL);
    assert.equal(space.reservedFor('a'), free);
  });

  it('keeps back up to 256 MiB of a large disk', async (t) => {
    await using disk = await mountSmallDisk('100g');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const { space } = await openSpace(disk);
    const free = (await bytesOf(disk)) - 256 * MIB;
    await assert.rejects(space.reserve('a', free + 1), FULL);
    await space.reserve('a', free);
  });

  it('is reserved one after the other, so that parallel requests get no more than there is', async (t) => {
    await using disk = await mountSmallDisk('64m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const { space } = await openSpace(disk);
    const names = Array.from({ length: 20 }, (_, n) => `f${n}`);
    const results = await Promise.allSettled(names.map((name) => space.reserve(name, 10 * MIB)));
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 6);
    assert.equal(names.filter((name) => space.reservedFor(name) === 10 * MIB).length, 6);
  });

  it('grows by what a file uses or releases of its reservation, and never by more than was reserved', async (t) => {
    await using disk = await mountSmallDisk('64m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const { space, free } = await openSpace(disk);
    await space.reserve('a', 10 * MIB);
    await space.reserve('a', 5 * MIB);
    assert.equal(space.reservedFor('a'), 15 * MIB);
    await assert.rejects(space.reserve('b', free - 15 * MIB + 1), FULL);
    space.consume('a', 3 * MIB);
    assert.equal(space.reservedFor('a'), 12 * MIB);
    space.consume('a', 100 * MIB);
    space.consume('unknown', 100 * MIB);
    assert.equal(space.reservedFor('a'), 0);
    await assert.rejects(space.reserve('b', free + 1), FULL);
    await space.reserve('b', free);
    space.release('b');
    space.release('b');
    space.release('unknown');
    assert.equal(space.reservedFor('b'), 0);
    await assert.rejects(space.reserve('c', free + 1), FULL);
    await space.reserve('c', free);
  });

  it('is reserved after a restart for files that have not used it yet, and for nothing else in the folder', async (t) => {
    await using disk = await mountSmallDisk('64m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const folder = join(disk.folder, 'staging');
    await mkdir(folder);
    await mkdir(join(folder, 'a folder'));
    await createSparseFile(folder, 'empty', 20 * MIB);
    await createSparseFile(folder, 'begun', 20 * MIB, 4 * MIB);
    await writeFile(join(folder, 'whole'), Buffer.alloc(MIB));
    await writeFile(join(folder, 'small'), 'x');
    const { space, free } = await openSpace(disk);
    await space.countAll(folder);
    const reserved = ['empty', 'begun', 'whole', 'small', 'a folder'].map((name) => space.reservedFor(name));
    assert.deepEqual(reserved, [20 * MIB, 16 * MIB, 0, 0, 0]);
    await assert.rejects(space.reserve('new', free - 36 * MIB + 1), FULL);
    await space.reserve('new', free - 36 * MIB);
  });

  it('is recalculated for a file that has used some of it, and not counted for one that is gone', async (t) => {
    await using disk = await mountSmallDisk('64m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const { space } = await openSpace(disk);
    await space.reserve('a', 20 * MIB);
    await createSparseFile(disk.folder, 'a', 20 * MIB, 8 * MIB);
    await space.recount('a', join(disk.folder, 'a'));
    assert.equal(space.reservedFor('a'), 12 * MIB);
    await space.recount('a', join(disk.folder, 'gone'));
    assert.equal(space.reservedFor('a'), 12 * MIB);
  });

  it('can be reserved after a rejected reservation', async (t: TestContext) => {
    await using disk = await mountSmallDisk('64m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const { space, free } = await openSpace(disk);
    const [refused, given] = await Promise.allSettled([space.reserve('a', free + 1), space.reserve('b', free)]);
    assert.deepEqual([refused.status, given.status], ['rejected', 'fulfilled']);
    assert.equal(space.reservedFor('a'), 0);
  });
});

/** What can be reserved on an empty disk of less than 25 GiB. */
async function openSpace(disk: SmallDisk): Promise<{ space: DiskSpace; free: number }> {
  const free = (await bytesOf(disk)) - Math.floor((await sizeOf(disk)) / 100);
  return { space: new DiskSpace(disk.folder), free };
}

async function bytesOf({ folder }: SmallDisk): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function sizeOf({ folder }: SmallDisk): Promise<number> {
  const { blocks, bsize } = await statfs(folder);
  return blocks * bsize;
}

async function createSparseFile(folder: string, name: string, size: number, written = 0): Promise<void> {
  const file = await open(join(folder, name), 'w');
  await file.truncate(size);
  if (written > 0) await file.write(Buffer.alloc(written, 1));
  await file.close();
}
