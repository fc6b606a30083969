import assert from 'node:assert/strict';
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  statfs,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import type { BlobStore, PartRange, StagedBlob } from '../../packages/server/src/storage/blob-store.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { DurableFiles } from '../../packages/server/src/storage/disk/durable-files.ts';
import {
  collect,
  partLayout,
  partRanges,
  randomBlobId,
  randomBytesOfSize,
  streamPart,
} from '../conformance/blob-samples.ts';
import { blobStoreBehaves } from '../conformance/blob-store.ts';
import { type Fault, faulty } from '../faults/faulty.ts';
import { mountSmallDisk } from '../faults/small-disk.ts';
import { listDescriptors } from '../support/descriptors.ts';
import { openWithFaults, systemError } from './open-with-faults.ts';
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
  it('writes no byte outside a part and never makes the file longer', async (t) => {
    const folder = await temporaryFolder(t);
    const store = await openDiskStore(folder);
    const staged = await store.create(randomBlobId(), partLayout(3 * PART + 5, PART));
    const path = join(folder, 'staging', staged.blob);
    const before = Buffer.alloc(3 * PART + 5, 0xee);
    await writeFile(path, before);
    for (const range of partRanges(staged.layout)) {
      await assert.rejects(store.writePart(staged, range, tooLong(range.length)), RangeError);
      const found = await readFile(path);
      assert.deepEqual(found.subarray(0, range.offset), before.subarray(0, range.offset));
      assert.deepEqual(found.subarray(range.offset + range.length), before.subarray(range.offset + range.length));
      await writeFile(path, before);
    }
    await assert.rejects(store.writePart(staged, { index: 4, offset: 3 * PART, length: 6 }, tooLong(0)), RangeError);
  });

  it('rejects a body that ends before its part', async (t) => {
    const { store, staging: staged, slot: range, bytes } = await createOnePartBlob(t);
    await assert.rejects(
      store.writePart(staged, range, streamPart(bytes, { ...range, length: range.length - 1 })),
      RangeError,
    );
  });

  it('keeps files readable by its owner only, and complete ones read-only', async (t) => {
    const { folder, store, staging: staged, slot: range, bytes } = await createOnePartBlob(t);
    const id = staged.blob;
    assert.equal((await stat(join(folder, 'staging', id))).mode & 0o777, 0o600);
    await store.writePart(staged, range, streamPart(bytes, range));
    await store.complete(staged, ['']);
    assert.equal((await stat(join(folder, 'blobs', id.slice(0, 2), id.slice(2, 4), id))).mode & 0o777, 0o400);
    assert.equal((await stat(join(folder, 'blobs', id.slice(0, 2)))).mode & 0o777, 0o700);
    const atOnce = randomBlobId();
    await store.put(atOnce, streamPart(bytes, range));
    const [ab, cd] = [atOnce.slice(0, 2), atOnce.slice(2, 4)];
    assert.equal((await stat(join(folder, 'blobs', ab, cd, atOnce))).mode & 0o777, 0o400);
  });

  it('has the full size from the start, and parts where localPart returns them', async (t) => {
    const { folder, store, staging: staged, slot: range, bytes } = await createOnePartBlob(t);
    assert.equal((await stat(join(folder, 'staging', staged.blob))).size, staged.layout.fileSize);
    await store.writePart(staged, range, streamPart(bytes, range));
    assert.deepEqual(await readLocalPart(store, staged, range), bytes);
    await store.complete(staged, ['']);
    assert.deepEqual(await readLocalPart(store, staged, range), bytes);
  });

  it('creates no path from an invalid blob ID', async (t) => {
    const store = await openDiskStore(await temporaryFolder(t));
    for (const id of [
      '../../../../../../../../etc/passwd',
      'A'.repeat(32),
      `${'a'.repeat(31)}\0`,
      `${'a'.repeat(32)}\n`,
      '',
    ]) {
      const blob = id as StagedBlob['blob'];
      const staging = { blob, layout: partLayout(1, PART) };
      const slot = { index: 0, offset: 0, length: 1 };
      await assert.rejects(store.create(blob, partLayout(1, PART)), TypeError);
      await assert.rejects(store.writePart(staging, slot, tooLong(0)), TypeError);
      await assert.rejects(store.localPart(staging, slot), TypeError);
      await assert.rejects(store.complete(staging, []), TypeError);
      await assert.rejects(store.read(blob), TypeError);
      await assert.rejects(store.remove(blob), TypeError);
    }
  });

  it('lists only its own files', async (t) => {
    const folder = await temporaryFolder(t);
    const store = await openDiskStore(folder);
    await writeFile(join(folder, 'staging', 'README'), 'x');
    await mkdir(join(folder, 'blobs', 'lost+found'));
    await mkdir(join(folder, 'blobs', 'aa', 'bb'), { recursive: true });
    await writeFile(join(folder, 'blobs', 'aa', 'bb', 'c'.repeat(32)), 'in the wrong folder');
    await writeFile(join(folder, 'blobs', 'aa', 'bb', 'notes'), 'not a blob');
    for (const name of ['other', 'b', 'bbb']) {
      await mkdir(join(folder, 'blobs', 'aa', name));
      await writeFile(join(folder, 'blobs', 'aa', name, `aa${name}`.padEnd(32, 'c')), 'in another folder');
    }
    assert.deepEqual(await collect(store.list()), []);
    assert.deepEqual(await findAll(store), []);
  });

  it('has 257 sections to search: uploads in progress, and blobs by the first byte of their ID', async (t) => {
    const store = await openDiskStore(await temporaryFolder(t));
    assert.equal(store.sections(), 257);
    const layout = partLayout(1, PART);
    const ids = ['00', '01', '0f', '10', 'ff'].map((first) => `${first}${'5'.repeat(30)}` as BlobId);
    const staged = await store.create(randomBlobId(), layout);
    for (const id of ids) await store.complete(await store.create(id, layout), ['']);
    const found = new Map<number, string[]>();
    for (let part = 0; part < 257; part += 1) {
      const blobs = (await collect(store.find(part))).map(({ blob }) => blob as string);
      if (blobs.length > 0) found.set(part, blobs);
    }
    assert.deepEqual([...found], [[0, [staged.blob]], ...[1, 2, 16, 17, 256].map((part, n) => [part, [ids[n]]])]);
  });

  it('has no time of the last write for a file that is gone since it was found', async (t) => {
    const store = await openDiskStore(await temporaryFolder(t));
    const staged = await store.create(randomBlobId(), partLayout(1, PART));
    const [found] = await collect(store.find(0));
    await store.remove(staged);
    assert.equal(await found?.lastWrite(), undefined);
  });

  it('finds nothing if a folder is missing or a file, and fails if one cannot be read', async (t) => {
    const folder = await temporaryFolder(t);
    const store = await openDiskStore(folder);
    const content = join(folder, 'blobs');
    await writeFile(join(content, 'aa'), 'a file');
    await mkdir(join(content, 'bb'));
    await writeFile(join(content, 'bb', 'cc'), 'a file');
    assert.deepEqual(await findAll(store), []);
    await rm(join(content, 'aa'));
    await rm(join(content, 'bb'), { recursive: true });
    await symlink('aa', join(content, 'aa'));
    await assert.rejects(findAll(store), { code: 'ELOOP' });
    await assert.rejects(collect(store.list()), { code: 'ELOOP' });
    await rm(content, { recursive: true });
    await rm(join(folder, 'staging'), { recursive: true });
    assert.deepEqual(await findAll(store), []);
    assert.deepEqual(await collect(store.list()), []);
  });

  it('fails if it cannot check a file, instead of treating it as missing', async (t) => {
    const folder = await temporaryFolder(t);
    const store = await openDiskStore(folder);
    const id = randomBlobId();
    await symlink(id, join(folder, 'staging', id));
    const staged = { blob: id, layout: partLayout(1, PART) };
    for (const ask of [() => collect(store.list()), () => store.exists(staged), () => store.complete(staged, [])]) {
      await assert.rejects(ask(), { code: 'ELOOP' });
    }
  });

  it('fails to complete a file if its move fails, unless another call has just moved it', async (t) => {
    const { folder, store, staging: staged, slot: range, bytes } = await createOnePartBlob(t);
    await store.writePart(staged, range, streamPart(bytes, range));
    const id = staged.blob;
    // A file in place of the blob's folder.
    await rm(join(folder, 'blobs', id.slice(0, 2)), { recursive: true });
    await writeFile(join(folder, 'blobs', id.slice(0, 2)), '');
    await assert.rejects(store.complete(staged, ['']), { code: 'ENOTDIR' });
    await rm(join(folder, 'blobs', id.slice(0, 2)));
    await store.complete(staged, ['']);
  });

  it('completes a file that another call moves at the same moment', async (t) => {
    const folder = await temporaryFolder(t);
    const files = new DurableFiles();
    const plan: Fault<DurableFiles>[] = [];
    const store = await openDiskStore(folder, { files: faulty(files, plan) });
    const staged = await store.create(randomBlobId(), partLayout(PART, PART));
    const moveFirst = (...args: unknown[]) => files.moveDurably(...(args as Parameters<DurableFiles['moveDurably']>));
    plan.push({ method: 'moveDurably', when: 'before', hook: moveFirst });
    await store.complete(staged, ['']);
    assert.equal(await store.isComplete(staged.blob), true);
  });

  it('closes every file and folder that it creates, moves or syncs', async (t) => {
    const store = await openDiskStore(await temporaryFolder(t));
    const before = listDescriptors(process.pid);
    for (let n = 0; n < 3; n += 1) {
      const staged = await store.create(randomBlobId(), partLayout(PART, PART));
      const range = partRanges(staged.layout)[0] as PartRange;
      await store.writePart(staged, range, streamPart(new Uint8Array(PART), range));
      await store.complete(staged, ['']);
      await store.put(randomBlobId(), streamPart(new Uint8Array(PART), range));
    }
    assert.deepEqual(listDescriptors(process.pid), before);
  });

  it('closes the file of a blob if it cannot read its size', async (t) => {
    const { store, staging: staged, slot: range, bytes } = await createOnePartBlob(t);
    await store.writePart(staged, range, streamPart(bytes, range));
    await store.complete(staged, ['']);
    const before = listDescriptors(process.pid).length;
    const handle = await open(join(process.execPath));
    const failing = t.mock.method(Object.getPrototypeOf(handle), 'stat', () => Promise.reject(systemError('EIO')));
    await handle.close();
    await assert.rejects(store.read(staged.blob), { code: 'EIO' });
    failing.mock.restore();
    assert.equal(listDescriptors(process.pid).length, before);
  });

  it('rejects a range outside the file, and leaves the file unchanged', async (t) => {
    const { folder, store, staging: staged } = await createOnePartBlob(t);
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [0, PART + 1],
      [1, PART],
      [PART, 1],
    ] as const) {
      const range = { index: 0, offset, length };
      const body = streamPart(randomBytesOfSize(3 * PART), { ...range, offset: PART });
      await assert.rejects(store.writePart(staged, range, body), RangeError);
    }
    const empty = { index: 0, offset: PART, length: 0 };
    await store.writePart(staged, empty, streamPart(new Uint8Array(PART), empty));
    assert.ok((await readFile(join(folder, 'staging', staged.blob))).equals(Buffer.alloc(PART)));
  });

  it('reserves the space of an upload, and releases it as the upload is written or when it ends', async (t) => {
    await using disk = await mountSmallDisk('16m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const store = await openDiskStore(join(disk.folder, 'data'));
    const size = 9 * 2 ** 20;
    const full = { code: 'storage-full' };
    const layout = partLayout(size, size);
    const range = partRanges(layout)[0] as PartRange;
    const first = await store.create(randomBlobId(), layout);
    await assert.rejects(store.create(randomBlobId(), layout), full);
    assert.deepEqual(await readdir(join(disk.folder, 'data', 'staging')), [first.blob]);
    await store.remove(first);
    const second = await store.create(randomBlobId(), layout);
    await store.writePart(second, range, streamPart(new Uint8Array(size), range, 2 ** 20));
    // Written bytes are no longer reserved but used.
    await assert.rejects(store.create(randomBlobId(), layout), full);
    const small = await store.create(randomBlobId(), partLayout(5 * 2 ** 20, size));
    await store.complete(second, ['']);
    await store.remove(second.blob);
    await store.remove(small);
    // A file system that compresses can use less for a complete file than its size.
    const compressed = await store.create(randomBlobId(), layout);
    await store.complete(compressed, ['']);
    const last = await store.create(randomBlobId(), layout);
    await store.remove(last);
    // An empty file needs no space, even if all of it is reserved.
    const { bavail, blocks, bsize } = await statfs(disk.folder);
    const rest = bavail * bsize - Math.floor((blocks * bsize) / 100);
    await store.create(randomBlobId(), partLayout(rest, size));
    await store.put(randomBlobId(), streamPart(new Uint8Array(0), { index: 0, offset: 0, length: 0 }));
  });

  it('reserves the space of a direct upload from its start, and any additional bytes as they arrive', async (t) => {
    await using disk = await mountSmallDisk('16m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    const store = await openDiskStore(join(disk.folder, 'data'));
    const full = { code: 'storage-full' };
    let pulled = 0;
    async function* body(bytes: number): AsyncGenerator<Uint8Array> {
      for (let left = bytes; left > 0; left -= 2 ** 16) {
        pulled += 1;
        yield new Uint8Array(Math.min(left, 2 ** 16));
      }
    }
    await assert.rejects(store.put(randomBlobId(), body(1), undefined, 17 * 2 ** 20), full);
    assert.equal(pulled, 0);
    // Nothing of it stays reserved.
    const size = 14 * 2 ** 20;
    const staged = await store.create(randomBlobId(), partLayout(size, size));
    await assert.rejects(store.put(randomBlobId(), body(8 * 2 ** 20)), full);
    await store.put(randomBlobId(), body(2 ** 20));
    await store.remove(staged);
    await store.put(randomBlobId(), body(5 * 2 ** 20), undefined, 2 ** 20);
    const rest = (await collect(store.list())).map(({ kind }) => kind);
    assert.deepEqual(rest, ['complete', 'complete']);
  });

  it('reports a file of the wrong size, and does not complete it', async (t) => {
    const { folder, store, staging: staged, slot: range, bytes } = await createOnePartBlob(t);
    const id = staged.blob;
    const sealed = join(folder, 'blobs', id.slice(0, 2), id.slice(2, 4), id);
    await store.writePart(staged, range, streamPart(bytes, range));
    await truncate(join(folder, 'staging', id), 7);
    await assert.rejects(store.complete(staged, ['']), /has 7 bytes, but \d+ were written/);
    await truncate(join(folder, 'staging', id), bytes.length);
    await store.complete(staged, ['']);
    await chmod(sealed, 0o600);
    await truncate(sealed, 9);
    await assert.rejects(store.complete(staged, ['']), /has 9 bytes, but \d+ were written/);
  });

  it('leaves no file behind if it cannot create one', async (t) => {
    const folder = await temporaryFolder(t);
    const failing = { method: 'sync', path: /staging.[0-9a-f]{32}$/, error: systemError('EIO') } as const;
    const files = new DurableFiles({ openFile: openWithFaults({ faults: [failing] }) });
    const store = await openDiskStore(folder, { files });
    await assert.rejects(store.create(randomBlobId(), partLayout(10, PART)), { code: 'EIO' });
    assert.deepEqual(await readdir(join(folder, 'staging')), []);
    const taken = await (await openDiskStore(folder)).create(randomBlobId(), partLayout(10, PART));
    await assert.rejects(store.create(taken.blob, partLayout(10, PART)), { code: 'EEXIST' });
    assert.deepEqual(await readdir(join(folder, 'staging')), [taken.blob]);
  });

  it('creates its folder with all parent folders', async (t) => {
    const folder = join(await temporaryFolder(t), 'deep', 'down');
    await openDiskStore(folder);
    assert.deepEqual((await readdir(folder)).sort(), ['blobs', 'staging']);
    for (const path of [folder, join(folder, 'blobs'), join(folder, 'staging')]) {
      assert.equal((await stat(path)).mode & 0o777, 0o700);
    }
    await openDiskStore(folder);
  });
});

async function createOnePartBlob(t: TestContext) {
  const folder = await temporaryFolder(t);
  const store = await openDiskStore(folder);
  const bytes = randomBytesOfSize(PART);
  const staged = await store.create(randomBlobId(), partLayout(PART, PART));
  return { folder, store, staging: staged, bytes, slot: partRanges(staged.layout)[0] as PartRange };
}

async function findAll(store: BlobStore): Promise<string[]> {
  const found: string[] = [];
  for (let part = 0; part < store.sections(); part += 1) {
    for await (const { blob } of store.find(part)) found.push(blob);
  }
  return found;
}

async function* tooLong(length: number): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(length);
  yield new Uint8Array(1);
}

async function readLocalPart(store: BlobStore, staged: StagedBlob, range: PartRange): Promise<Uint8Array> {
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
