import assert from 'node:assert/strict';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { BlobStore, PartRange, StagedBlob } from '../../packages/server/src/storage/blob-store.ts';
import { ByteBudget } from '../../packages/server/src/storage/byte-budget.ts';
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
import { openWithFaults, systemError } from './open-with-faults.ts';
import { temporaryFolder } from './temporary-folder.ts';

const PART = 64 * 1024;

describe('syncs of the disk store', () => {
  it('finishes a completion that was interrupted between the rename and the syncs', async (t) => {
    const folder = await temporaryFolder(t);
    const log: string[] = [];
    const staged = await (await openDiskStore(folder)).create(randomBlobId(), partLayout(0, PART));
    const id = staged.blob;
    const sealedIn = join(folder, 'blobs', id.slice(0, 2), id.slice(2, 4));
    await mkdir(sealedIn, { recursive: true });
    await rename(join(folder, 'staging', id), join(sealedIn, id));
    // After a restart, it is unknown what was synced.
    const store = await openDiskStore(folder, { files: new DurableFiles({ openFile: openWithFaults({ log }) }) });
    log.length = 0;
    await store.complete(staged, []);
    const levels = [join(folder, 'blobs'), join(folder, 'blobs', id.slice(0, 2)), sealedIn];
    assert.deepEqual(
      log,
      [...levels, join(folder, 'staging')].map((level) => `sync ${level}`),
    );
  });

  it('syncs the names of all folders that it creates for itself', async (t) => {
    const above = await temporaryFolder(t);
    const folder = join(above, 'made', 'for', 'it');
    const log: string[] = [];
    await openDiskStore(folder, { files: new DurableFiles({ openFile: openWithFaults({ log }) }) });
    const levels = [above, join(above, 'made'), join(above, 'made', 'for'), folder];
    assert.deepEqual(
      [...new Set(log)],
      levels.map((level) => `sync ${level}`),
    );
    // `staging` and `blobs`, one sync each.
    assert.equal(log.filter((line) => line === `sync ${folder}`).length, 2);
  });

  for (const failing of ['staging', 'blobs']) {
    it(`leaves no file of a direct upload if the sync of ${failing}/ after its rename fails`, async (t) => {
      const folder = await temporaryFolder(t);
      const id = randomBlobId();
      const [staged, sealed] = [join(folder, 'staging', id), join(folder, 'blobs', id.slice(0, 2), id.slice(2, 4), id)];
      const after: string[] = [];
      const faults = [
        {
          method: 'sync' as const,
          path: failing === 'staging' ? /staging$/ : new RegExp(`${id.slice(2, 4)}$`),
          call: failing === 'staging' ? 2 : 1,
          error: systemError('EIO'),
        },
      ];
      const files = new DurableFiles({ openFile: openWithFaults({ log: after, faults }) });
      const store = await openDiskStore(folder, { files });
      await assert.rejects(
        store.put(id, streamPart(randomBytesOfSize(100), { index: 0, offset: 0, length: 100 })),
        /EIO/,
      );
      assert.ok(
        after.some((line) => line.startsWith('wrote 100 ')),
        'the bytes were written',
      );
      await assert.rejects(access(staged), { code: 'ENOENT' });
      await assert.rejects(access(sealed), { code: 'ENOENT' });
    });
  }

  it('syncs a file and every folder that it creates before it returns', async (t) => {
    const folder = await temporaryFolder(t);
    const log: string[] = [];
    const store = await openDiskStore(folder, { files: new DurableFiles({ openFile: openWithFaults({ log }) }) });
    log.length = 0;
    const staged = await store.create(randomBlobId(), partLayout(10, PART));
    const path = join(folder, 'staging', staged.blob);
    const { blob: id } = staged;
    const [blobs, ab] = [join(folder, 'blobs'), join(folder, 'blobs', id.slice(0, 2))];
    const created = [
      `truncate ${path}`,
      `sync ${path}`,
      `sync ${join(folder, 'staging')}`,
      `sync ${blobs}`,
      `sync ${ab}`,
    ];
    assert.deepEqual(log.splice(0), created);
    const range = partRanges(staged.layout)[0] as PartRange;
    await store.writePart(staged, range, streamPart(randomBytesOfSize(10), range));
    const written = ['open', 'writev', 'wrote 10', 'datasync', 'close'].map((what) => `${what} ${path}`);
    assert.deepEqual(log.splice(0), written);
    await store.complete(staged, ['']);
    const both = [join(ab, id.slice(2, 4)), join(folder, 'staging')].map((level) => `sync ${level}`);
    assert.deepEqual(log.splice(0), both);
  });

  it('syncs all folders of a file that it completes after a restart', async (t) => {
    const folder = await temporaryFolder(t);
    const staged = await (await openDiskStore(folder)).create(randomBlobId(), partLayout(0, PART));
    const log: string[] = [];
    const store = await openDiskStore(folder, { files: new DurableFiles({ openFile: openWithFaults({ log }) }) });
    log.length = 0;
    await store.complete(staged, []);
    const { blob: id } = staged;
    const [blobs, ab] = [join(folder, 'blobs'), join(folder, 'blobs', id.slice(0, 2))];
    assert.deepEqual(
      log,
      [blobs, ab, join(ab, id.slice(2, 4)), join(folder, 'staging')].map((level) => `sync ${level}`),
    );
  });

  it('does not complete a file if a sync fails after its rename, until it is completed again', async (t) => {
    const folder = await temporaryFolder(t);
    const staged = await (await openDiskStore(folder)).create(randomBlobId(), partLayout(0, PART));
    const cd = new RegExp(`${staged.blob.slice(2, 4)}$`);
    const faults = [{ method: 'sync', path: cd, call: 1, error: systemError('EIO') }] as const;
    const store = await openDiskStore(folder, { files: new DurableFiles({ openFile: openWithFaults({ faults }) }) });
    await assert.rejects(store.complete(staged, []), { code: 'EIO' });
    await store.complete(staged, []);
  });

  it('creates and syncs the folders of a file again if somebody has removed them', async (t) => {
    const folder = await temporaryFolder(t);
    const log: string[] = [];
    const store = await openDiskStore(folder, { files: new DurableFiles({ openFile: openWithFaults({ log }) }) });
    const staged = await store.create(randomBlobId(), partLayout(0, PART));
    const { blob: id } = staged;
    const [blobs, ab] = [join(folder, 'blobs'), join(folder, 'blobs', id.slice(0, 2))];
    await rm(blobs, { recursive: true });
    log.length = 0;
    await store.complete(staged, []);
    const levels = [folder, blobs, ab, join(ab, id.slice(2, 4)), join(folder, 'staging')];
    assert.deepEqual(
      log,
      levels.map((level) => `sync ${level}`),
    );
    await access(join(ab, id.slice(2, 4), id));
  });

  it('uses one handle and few syncs for concurrent writers of a file', async (t) => {
    const folder = await temporaryFolder(t);
    const gate = Promise.withResolvers<void>();
    const log: string[] = [];
    const holding = { method: 'datasync', path: /./, call: 1, wait: gate.promise } as const;
    const files = new DurableFiles({ openFile: openWithFaults({ log, faults: [holding] }) });
    const store = await openDiskStore(folder, { files });
    const bytes = randomBytesOfSize(20 * PART);
    const staged = await store.create(randomBlobId(), partLayout(bytes.length, PART));
    log.length = 0;
    const [first, ...others] = partRanges(staged.layout) as [PartRange, ...PartRange[]];

    const leader = store.writePart(staged, first, streamPart(bytes, first));
    await until(() => log.some((line) => line.startsWith('datasync')));
    const waitingWriters = others.map((range) => store.writePart(staged, range, streamPart(bytes, range)));
    await until(() => countWrittenBytes(log) === bytes.length);
    gate.resolve();
    await Promise.all([leader, ...waitingWriters]);

    assert.equal(log.filter((line) => line.startsWith('datasync')).length, 2);
    assert.equal(log.filter((line) => line.startsWith('open ')).length, 1);
    assert.equal(log.filter((line) => line.startsWith('close ')).length, 1);
    await store.complete(staged, []);
    assert.deepEqual(await readBlob(store, staged), bytes);
  });

  it('fails every writer of a file when one sync fails, and uses a new handle for the next one', async (t) => {
    const folder = await temporaryFolder(t);
    const log: string[] = [];
    const failing = { method: 'datasync', path: /./, call: 1, error: systemError('EIO') } as const;
    const files = new DurableFiles({ openFile: openWithFaults({ log, faults: [failing] }) });
    const store = await openDiskStore(folder, { files });
    const bytes = randomBytesOfSize(3 * PART);
    const staged = await store.create(randomBlobId(), partLayout(bytes.length, PART));
    log.length = 0;
    const [first, second, third] = partRanges(staged.layout) as [PartRange, PartRange, PartRange];

    const gate = Promise.withResolvers<void>();
    const midway = assert.rejects(store.writePart(staged, second, streamWithPause(bytes, second, gate.promise)), {
      code: 'EIO',
    });
    await until(() => countWrittenBytes(log) > 0);
    await assert.rejects(store.writePart(staged, first, streamPart(bytes, first)), { code: 'EIO' });

    // The one in progress still has the old handle; a new writer must not use it.
    await store.writePart(staged, third, streamPart(bytes, third));
    assert.equal(log.filter((line) => line.startsWith('open ')).length, 2);
    gate.resolve();
    await midway;
    assert.equal(log.filter((line) => line.startsWith('close ')).length, 2);

    for (const range of [first, second]) await store.writePart(staged, range, streamPart(bytes, range));
    await store.complete(staged, []);
    assert.deepEqual(await readBlob(store, staged), bytes);
  });

  it('fails writers that wait for the next sync when the one before it fails', async (t) => {
    const folder = await temporaryFolder(t);
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const failing = { method: 'datasync', path: /./, call: 1, wait: gate.promise, error: systemError('EIO') } as const;
    const files = new DurableFiles({ openFile: openWithFaults({ log, faults: [failing] }) });
    const store = await openDiskStore(folder, { files });
    const bytes = randomBytesOfSize(2 * PART);
    const staged = await store.create(randomBlobId(), partLayout(bytes.length, PART));
    const [first, second] = partRanges(staged.layout) as [PartRange, PartRange];
    const one = assert.rejects(store.writePart(staged, first, streamPart(bytes, first)), { code: 'EIO' });
    await until(() => log.some((line) => line.startsWith('datasync')));
    const other = assert.rejects(store.writePart(staged, second, streamPart(bytes, second)), { code: 'EIO' });
    await until(() => countWrittenBytes(log) === bytes.length);
    gate.resolve();
    await Promise.all([one, other]);
    assert.equal(log.filter((line) => line.startsWith('datasync')).length, 1);
  });

  it('rejects parts that are being written when the upload is removed or completed', async (t) => {
    const store = await openDiskStore(await temporaryFolder(t));
    for (const end of [(s: StagedBlob) => store.remove(s), (s: StagedBlob) => store.complete(s, [])]) {
      const bytes = randomBytesOfSize(2 * PART);
      const staged = await store.create(randomBlobId(), partLayout(bytes.length, PART));
      const [first, second] = partRanges(staged.layout) as [PartRange, PartRange];
      const gate = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const writing = store.writePart(staged, first, streamWithPause(bytes, first, gate.promise, begun.resolve));
      const refused = assert.rejects(writing, { code: 'blob-not-found' });
      await begun.promise;
      await end(staged);
      await assert.rejects(store.writePart(staged, second, streamPart(bytes, second)), {
        code: 'blob-not-found',
      });
      gate.resolve();
      await refused;
    }
  });

  it('keeps no descriptor and no byte of the budget after 500 interrupted uploads', async (t) => {
    const log: string[] = [];
    const budget = new ByteBudget(256 * 1024);
    const files = new DurableFiles({ budget, openFile: openWithFaults({ log }) });
    const store = await openDiskStore(await temporaryFolder(t), { files });
    const bytes = randomBytesOfSize(10 * PART);
    const staged = await store.create(randomBlobId(), partLayout(bytes.length, PART));
    await Promise.all(
      Array.from({ length: 500 }, async (_, n) => {
        const range = partRanges(staged.layout)[n % 10] as PartRange;
        await assert.rejects(store.writePart(staged, range, truncateBody(streamPart(bytes, range), n % 4)), /cut/);
      }),
    );
    assert.equal(budget.reserved, 0);
    assert.equal(
      log.filter((line) => line.startsWith('open ')).length,
      log.filter((line) => line.startsWith('close ')).length,
    );
  });
});

/** A part's body that stops after its first chunk until `gate` opens; `begun` is called when it stops. */
async function* streamWithPause(
  bytes: Uint8Array,
  range: PartRange,
  gate: Promise<void>,
  begun?: () => void,
): AsyncGenerator<Uint8Array> {
  let chunks = 0;
  // The first chunk is large enough for a separate write.
  for await (const chunk of streamPart(bytes, range, PART / 2)) {
    if (chunks === 1) {
      begun?.();
      await gate;
    }
    chunks += 1;
    yield chunk;
  }
}

async function* truncateBody(body: AsyncIterable<Uint8Array>, chunks: number): AsyncGenerator<Uint8Array> {
  let left = chunks;
  for await (const chunk of body) {
    if (left === 0) break;
    left -= 1;
    yield chunk;
  }
  throw new Error('cut');
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

function countWrittenBytes(log: string[]): number {
  return log.reduce((sum, line) => sum + Number(/^wrote (\d+)/.exec(line)?.[1] ?? 0), 0);
}

async function readBlob(store: BlobStore, staged: StagedBlob): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await collect(await store.read(staged.blob))));
}
