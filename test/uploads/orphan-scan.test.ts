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

/** Sealed contents in the store, each with a version that names it; and what a search asks. */
async function furnished() {
  const fixture = await openFilesFixture();
  const { blob: id } = await seedOf(fixture);
  const store = await manyContents(fixture, id);
  let statements = 0;
  let ages = 0;
  const looked: number[] = [];
  const db = watchQueries(fixture.files.db, { after: () => statements++ });
  async function* look(part: number) {
    looked.push(part);
    for await (const found of store.find(part)) {
      const lastWrite = () => {
        ages++;
        return found.lastWrite();
      };
      yield { ...found, lastWrite };
    }
  }
  const rooms = { ...fixture.files, db, blobs: { ...store, find: look, sections: () => store.sections() } };
  return {
    house: fixture,
    rooms,
    looked,
    asked: () => ({ statements, ages }),
    async [Symbol.asyncDispose]() {
      await fixture[Symbol.asyncDispose]();
    },
  };
}

async function seedOf(fixture: FilesFixture): Promise<{ blob: BlobId }> {
  await uploadFile(fixture.files, { folderId: fixture.owner.root_id, name: 'seed' }, createBody(fixture.owner, 'seed'));
  const { blob_id: blob } = await fixture.files.db.selectFrom('versions').selectAll().executeTakeFirstOrThrow();
  return { blob };
}

/** The house's store, with many more files in it. */
async function manyContents(fixture: FilesFixture, seed: BlobId) {
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

it('a search of a store in which all is explained asks for no file’s age, and for ids by the hundred', {
  skip: bytesNotOnDisk ?? false,
}, async () => {
  await using its = await furnished();
  const search = new OrphanScan(its.rooms, { grace: 0, retention: DAY });
  assert.equal(await search.run(), 0);
  const { statements, ages } = its.asked();
  assert.equal(ages, 0);
  // One for each 100 names.
  assert.ok(statements <= FILES / 100 + 3, `${statements} statements`);
  assert.equal(its.looked.length, its.rooms.blobs.sections());
});

it('a round whose time is over looks at one part and at uploads in progress, and the next round goes on behind it', {
  skip: bytesNotOnDisk ?? false,
}, async () => {
  await using its = await furnished();
  const search = new OrphanScan(its.rooms, { grace: 0, retention: DAY });
  const clock = { ...its.rooms.clock, now: () => Date.now(), expiryTime: () => Date.now(), monotonic: ticking() };
  const short = new OrphanScan({ ...its.rooms, clock }, { grace: 0, retention: DAY });
  for (let round = 0; round < 3; round++) await short.run({ budget: 1.5 });
  assert.deepEqual(its.looked, [0, 1, 0, 2, 0, 3]);
  its.looked.length = 0;
  await search.run();
  assert.equal(new Set(its.looked).size, its.rooms.blobs.sections());
});

/** A clock on which each look takes a millisecond. */
function ticking(): () => number {
  let now = 0;
  return () => now++;
}

it('of orphans among many files only the age of these is asked for, and once', {
  skip: bytesNotOnDisk ?? false,
}, async () => {
  await using its = await furnished();
  const { db } = its.house.files;
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
  const search = new OrphanScan(its.rooms, rules);
  for (let round = 0; round < 3; round++) assert.equal(await search.run(), 0);
  assert.deepEqual([found, its.asked().ages], [7, 7]);
  its.house.clock.advance(DAY + 1);
  assert.equal(await search.run(), 7);
});
