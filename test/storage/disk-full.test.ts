import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { PartRange } from '../../packages/server/src/storage/blob-store.ts';
import { openDiskStore } from '../../packages/server/src/storage/disk/disk-store.ts';
import { DurableFiles, type OpenFile } from '../../packages/server/src/storage/disk/durable-files.ts';
import {
  collect,
  partLayout,
  partRanges,
  randomBlobId,
  randomBytesOfSize,
  streamPart,
} from '../conformance/blob-samples.ts';
import { openWithFaults, systemError } from './open-with-faults.ts';
import { temporaryFolder } from './temporary-folder.ts';

const PART = 64 * 1024;

describe('the disk store on a full disk', () => {
  it('returns insufficient_storage, and accepts the part when there is space', async (t) => {
    const folder = join(await temporaryFolder(t), 'small');
    await mkdir(folder);
    if (!mountDisk(folder, '2m')) return t.skip('needs root and mount, for a small file system of its own');
    try {
      const store = await openDiskStore(folder);
      const bytes = randomBytesOfSize(1024 * 1024);
      const staged = await store.create(randomBlobId(), partLayout(bytes.length, bytes.length));
      const range = partRanges(staged.layout)[0] as PartRange;
      const ballast = join(folder, 'ballast');
      await writeFile(ballast, Buffer.alloc(1536 * 1024));
      await assert.rejects(store.writePart(staged, range, streamPart(bytes, range)), {
        code: 'storage-full',
        message: /disk .* full.*again when space is available/,
      });
      await rm(ballast);
      await store.writePart(staged, range, streamPart(bytes, range));
      await store.complete(staged, ['']);
      assert.deepEqual(new Uint8Array(Buffer.concat(await collect(await store.read(staged.blob)))), bytes);
    } finally {
      execFileSync('umount', [folder]);
    }
  });

  it('stores a file of an announced size if exactly that fits', async (t) => {
    const folder = join(await temporaryFolder(t), 'small');
    await mkdir(folder);
    if (!mountDisk(folder, '2m')) return t.skip('needs root and mount, for a small file system of its own');
    try {
      const store = await openDiskStore(folder);
      const bytes = randomBytesOfSize(1536 * 1024);
      const blob = randomBlobId();
      await store.put(blob, streamPart(bytes, { index: 0, offset: 0, length: bytes.length }), undefined, bytes.length);
      assert.deepEqual(new Uint8Array(Buffer.concat(await collect(await store.read(blob)))), bytes);
    } finally {
      execFileSync('umount', [folder]);
    }
  });

  for (const code of ['ENOSPC', 'EDQUOT']) {
    it(`returns insufficient_storage for ${code} at any operation`, async (t) => {
      for (const method of ['truncate', 'sync', 'writev', 'datasync'] as const) {
        const failing = { method, path: /staging.[0-9a-f]{32}$/, error: systemError(code) };
        const files = new DurableFiles({ openFile: openWithFaults({ faults: [failing] }) });
        const store = await openDiskStore(await temporaryFolder(t), { files });
        const upload = async () => {
          const staged = await store.create(randomBlobId(), partLayout(10, PART));
          const range = partRanges(staged.layout)[0] as PartRange;
          await store.writePart(staged, range, streamPart(randomBytesOfSize(10), range));
        };
        await assert.rejects(upload(), { code: 'storage-full' }, method);
      }
    });
  }

  for (const code of ['EMFILE', 'ENFILE']) {
    it(`is unavailable for a moment, and not broken, if too many files are open (${code})`, async (t) => {
      const openFile: OpenFile = async (path, flags, mode) => {
        if (flags === 'r+') throw systemError(code);
        return open(path, flags, mode);
      };
      const store = await openDiskStore(await temporaryFolder(t), { files: new DurableFiles({ openFile }) });
      const staged = await store.create(randomBlobId(), partLayout(10, PART));
      const range = partRanges(staged.layout)[0] as PartRange;
      const writing = store.writePart(staged, range, streamPart(randomBytesOfSize(10), range));
      await assert.rejects(writing, { code: 'unavailable', retryAfterSeconds: 5 });
    });
  }

  it('returns file_size_limit_exceeded for a file larger than the file system allows', async (t) => {
    const failing = { method: 'truncate', path: /./, error: systemError('EFBIG') } as const;
    const files = new DurableFiles({ openFile: openWithFaults({ faults: [failing] }) });
    const store = await openDiskStore(await temporaryFolder(t), { files });
    await assert.rejects(store.create(randomBlobId(), partLayout(2 ** 52, PART)), { code: 'file-too-large' });
  });
});

function mountDisk(folder: string, size: string): boolean {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
