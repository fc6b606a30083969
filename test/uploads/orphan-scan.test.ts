import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import type { BlobId, VersionId } from '../../packages/protocol/src/ids.ts';
import { uploadFile } from '../../packages/server/src/files/direct-upload.ts';
import { newBlobId } from '../../packages/server/src/storage/blob-store.ts';
import { OrphanScan } from '../../packages/server/src/uploads/orphan-scan.ts';
import { createBody, type FilesFixture, openFilesFixture } from '../files/files-fixture.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { watchQueries } from './watch-queries.ts';

const FILES = 3_000;
const DAY = 24 * 3_600_000;

/** Completed blobs in the store, each referenced by a version, and counters of what a scan requests. */
async function openScanFixture() {
  const fixture = await openFilesFixture();
  const { blob: id } = await createSeed(fixture);
  const store = await addBlobs(fixture, id);
  let statements = 0;
  let ages = 0;
  const scannedSections: number[] = [];
  const db = watchQueries(fixture.files.db, { after: () => statements++ });
  async function* findCounted(part: number) {
    scannedSections.push(part);
    for await (const found of store.find(part)) {
      const lastWrite = () => {
        ages++;
        return found.lastWrite();
      };
      yield { ...found, lastWrite };
    }
  }
  const context = { ...fixture.files, db, blobs: { ...store, find: findCounted, sections: () => store.sections() } };
  return {
    fixture: fixture,
    context: context,
    scannedSections: scannedSections,
    counts: () => ({ statements, ages }),
    async [Symbol.asyncDispose]() {
      await fixture[Symbol.asyncDispose]();
    },
  };
}

async function createSeed(fixture: FilesFixture): Promise<{ blob: BlobId }> {
  await uploadFile(fixture.files, { folderId: fixture.owner.root_id, name: 'seed' }, createBody(fixture.owner, 'seed'));
  const { blob_id: blob } = await fixture.files.db.selectFrom('versions').selectAll().executeTakeFirstOrThrow();
  return { blob };
}

/** The fixture's store with many more files. */
async function addBlobs(fixture: FilesFixture, seed: BlobId) {
  const { db, blobs } = fixture.files;
  const version = await db.selectFrom('versions').selectAll().executeTakeFirstOrThrow();
  const ids = Array.from({ length: FILES }, newBlobId);
  for (const id of ids) {
    const folder = join(fixture.folderOfBytes, 'blobs', id.slice(0, 2), id.slice(2, 4));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, id), '');
  }
  for (let from = 0; from < FILES; from += 500) {
    const rows = ids.slice(from, from + 500).map((id, n) => ({
      ...version,
      id: (version.id + 1 + from + n) as VersionId,
      number: 2 + from + n,
      blob_id: id,
    }));
    await db.insertInto('versions').values(rows).execute();
  }
  assert.ok(await blobs.isComplete(seed));
  return blobs;
}

it("a scan without orphans requests no file's age and looks up IDs by the hundred", {
  skip: bytesNotOnDisk ?? false,
}, async () => {
  await using scanFixture = await openScanFixture();
  const search = new OrphanScan(scanFixture.context, { grace: 0, retention: DAY });
  assert.equal(await search.run(), 0);
  const { statements, ages } = scanFixture.counts();
  assert.equal(ages, 0);
  // One for each 100 IDs.
  assert.ok(statements <= FILES / 100 + 3, `${statements} statements`);
  assert.equal(scanFixture.scannedSections.length, scanFixture.context.blobs.sections());
});

it('a scan that runs out of time scans one section and uploads in progress; the next one continues after it', {
  skip: bytesNotOnDisk ?? false,
}, async () => {
  await using scanFixture = await openScanFixture();
  const search = new OrphanScan(scanFixture.context, { grace: 0, retention: DAY });
  const clock = {
    ...scanFixture.context.clock,
    now: () => Date.now(),
    expiryTime: () => Date.now(),
    monotonic: ticking(),
  };
  const short = new OrphanScan({ ...scanFixture.context, clock }, { grace: 0, retention: DAY });
  for (let round = 0; round < 3; round++) await short.run({ budget: 1.5 });
  assert.deepEqual(scanFixture.scannedSections, [0, 1, 0, 2, 0, 3]);
  scanFixture.scannedSections.length = 0;
  await search.run();
  assert.equal(new Set(scanFixture.scannedSections).size, scanFixture.context.blobs.sections());
});

/** A clock that advances by a millisecond with each call. */
function ticking(): () => number {
  let now = 0;
  return () => now++;
}

it('a scan of many files requests only the age of orphans, once each', {
  skip: bytesNotOnDisk ?? false,
}, async () => {
  await using scanFixture = await openScanFixture();
  const { db } = scanFixture.fixture.files;
  const lost = await db.selectFrom('versions').select(['id']).where('number', '>', 1).limit(7).execute();
  await db
    .deleteFrom('versions')
    .where(
      'id',
      'in',
      lost.map(({ id }) => id),
    )
    .execute();
  let found = 0;
  const rules = { grace: -365 * DAY, retention: DAY, onFound: (count: number) => (found += count) };
  const search = new OrphanScan(scanFixture.context, rules);
  for (let round = 0; round < 3; round++) assert.equal(await search.run(), 0);
  assert.deepEqual([found, scanFixture.counts().ages], [7, 7]);
  scanFixture.fixture.clock.advance(DAY + 1);
  assert.equal(await search.run(), 7);
});
