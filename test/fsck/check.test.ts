import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import { estimateBytes } from '../../packages/server/src/fsck/blobs.ts';
import type { Found } from '../../packages/server/src/fsck/findings.ts';
import { fsck } from '../../packages/server/src/fsck/fsck.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import type { Fault } from '../faults/faulty.ts';
import { chunks, type FilesFixture, openFilesFixture } from '../files/files-fixture.ts';
import { assertCountersRight } from '../files/recount.ts';
import { asFile, purge, trash } from '../files/tree-steps.ts';
import { TestClock } from '../support/test-clock.ts';
import { openUploadFixture } from '../uploads/upload-fixture.ts';
import { createUpload } from '../uploads/upload-steps.ts';

const GRACE = 60_000;
const ORPHAN = 'f0'.repeat(16) as BlobId;

/** What is found in a house, in the order of its kinds; repaired on the way where `repair` is set. */
async function found(fixture: FilesFixture, { repair = false } = {}): Promise<Found[]> {
  const all: Found[] = [];
  const { db, blobs } = fixture.files;
  let read = 0;
  const checked = await fsck({
    db,
    blobs,
    // The bytes have the machine's own time.
    clock: new TestClock(Date.now() + 2 * GRACE),
    grace: GRACE,
    retention: GRACE,
    read: (bytes) => {
      read += bytes;
    },
    async found(one) {
      all.push(one);
      if (repair) await one.repair?.();
    },
  });
  assert.equal(checked.bytes, read);
  return all.sort((a, b) => (a.kind < b.kind ? -1 : 1));
}

/** As if all rows had been written after the bytes that lie there: none of them is a newer file whose row is missing. */
async function rowsNewerThanBytes(fixture: FilesFixture): Promise<void> {
  await fixture.files.db
    .updateTable('versions')
    .set({ created_at: Date.now() + GRACE })
    .execute();
}

const kinds = (all: Found[]) => all.map(({ kind }) => kind);

async function contentOf(fixture: FilesFixture, name: string): Promise<BlobId> {
  const { db } = fixture.files;
  const row = await db.selectFrom('versions').select('blob_id').where('name', '=', name).executeTakeFirstOrThrow();
  return row.blob_id;
}

test('a tree with things in the trash, copies and versions is found whole, and each content is read once', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  await fixture.file('in.txt', { parent: folder.id });
  await trash(fixture, asFile(await fixture.file('out.txt', { parent: folder.id })));
  await trash(fixture, folder);
  await fixture.file('empty', { text: '' });
  assert.deepEqual(await found(fixture), []);
  assert.equal(await estimateBytes(fixture.files.db), 'in.txt'.length + 'out.txt'.length);
});

test('counters that are off are found, and counted anew', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  await fixture.file('a.txt', { parent: folder.id });
  const { db } = fixture.files;
  await db.updateTable('users').set({ space_used: 1, space_reserved: 2 }).where('id', '=', fixture.owner.id).execute();
  await db.updateTable('items').set({ child_count: 7, size: 8 }).where('id', '=', folder.id).execute();
  const all = await found(fixture, { repair: true });
  assert.deepEqual(kinds(all), ['child_count_off', 'item_size_off', 'space_reserved_off', 'space_used_off']);
  assert.match(all[1]?.message ?? '', /size of the folder folder \(\d+\) is 8, but should be 5\./);
  await assertCountersRight(db);
  assert.deepEqual(await found(fixture), []);
});

test('bytes that are gone are told with the file that has lost them, orphans go, and nothing else does', async () => {
  await using fixture = await openFilesFixture();
  await fixture.file('gone.txt');
  await fixture.file('stays.txt');
  const { blobs } = fixture.files;
  await blobs.remove(await contentOf(fixture, 'gone.txt'));
  await blobs.put(ORPHAN, chunks('nobody’s'));
  await rowsNewerThanBytes(fixture);
  const all = await found(fixture, { repair: true });
  assert.deepEqual(kinds(all), ['blob_missing', 'blob_orphaned']);
  assert.match(all[0]?.message ?? '', /^gone\.txt \(file \d+, version 1\): the blob is missing\./);
  assert.equal(all[0]?.repair, undefined);
  assert.deepEqual(
    (await fixture.listBlobs()).map((stored) => stored.blob),
    [await contentOf(fixture, 'stays.txt')],
  );
  assert.deepEqual(kinds(await found(fixture)), ['blob_missing']);
});

test('bytes newer than every row are told, and a repair keeps them: rows may be missing', async () => {
  await using fixture = await openFilesFixture();
  await fixture.file('old.txt');
  await fixture.files.blobs.put(ORPHAN, chunks('newer than the backup'));
  const [orphan] = await found(fixture, { repair: true });
  assert.equal(orphan?.kind, 'blob_orphaned');
  assert.match(orphan?.message ?? '', /if an older backup of the database was restored, this is a newer file/);
  assert.equal(orphan?.repair, undefined);
  assert.ok((await fixture.listBlobs()).some((stored) => stored.blob === ORPHAN));
});

test('bytes that the server has found a short while ago are kept by a repair too', async () => {
  await using fixture = await openFilesFixture();
  await fixture.file('old.txt');
  await fixture.files.blobs.put(ORPHAN, chunks('found'));
  await rowsNewerThanBytes(fixture);
  await fixture.files.db
    .insertInto('orphaned_blobs')
    .values({ blob_id: ORPHAN, found_at: Date.now() + 2 * GRACE })
    .execute();
  assert.equal((await found(fixture, { repair: true }))[0]?.repair, undefined);
});

test('a version that says other than its bytes are is found, and what it says stays', async () => {
  await using fixture = await openFilesFixture();
  await fixture.file('a.txt');
  await fixture.files.db.updateTable('versions').set({ size: 4 }).execute();
  const [damaged] = (await found(fixture)).filter(({ kind }) => kind === 'blob_damaged');
  assert.match(damaged?.message ?? '', /the size is 5 bytes instead of 4/);
});

test('bytes that cannot be read are no damage of theirs, and told as what they are', async () => {
  const plan: Fault<BlobStore>[] = [];
  await using fixture = await openFilesFixture(plan);
  await fixture.file('a.txt');
  plan.push({ method: 'read', when: 'before', fail: new Error('the disk does not answer') });
  const [unreadable] = await found(fixture);
  assert.equal(unreadable?.kind, 'blob_unreadable');
  assert.match(unreadable?.message ?? '', /the disk does not answer/);
});

test('a file that is deleted for good while its bytes are about to be read is not missed', async () => {
  const plan: Fault<BlobStore>[] = [];
  await using fixture = await openFilesFixture(plan);
  const file = asFile(await fixture.file('going.txt'));
  await fixture.file('staying.txt');
  let deleted = false;
  plan.push({
    method: 'read',
    when: 'before',
    async hook() {
      if (deleted) return;
      deleted = true;
      await trash(fixture, file);
      await purge(fixture, file);
    },
  });
  assert.deepEqual(await found(fixture), []);
  assert.ok(deleted);
});

test('a content that gets its row between the list and the question is nobody’s orphan', async () => {
  await using fixture = await openFilesFixture();
  const { blobs } = fixture.files;
  await blobs.put(ORPHAN, chunks('a.txt'));
  await fixture.file('a.txt');
  await rowsNewerThanBytes(fixture);
  const all: Found[] = [];
  const { db } = fixture.files;
  await fsck({
    db,
    blobs,
    clock: new TestClock(Date.now() + 2 * GRACE),
    grace: GRACE,
    retention: GRACE,
    read: () => {},
    async found(one) {
      all.push(one);
      // Told as an orphan, and named by the time it is to be repaired.
      await db.updateTable('versions').set({ blob_id: ORPHAN }).execute();
      assert.equal(await one.repair?.(), false);
    },
  });
  assert.deepEqual(kinds(all).slice(0, 1), ['blob_orphaned']);
  assert.ok((await fixture.listBlobs()).some((stored) => stored.blob === ORPHAN));
});

test('an open upload that a store does not list is not taken for gone, as long as the store knows it', async () => {
  await using fixture = await openUploadFixture();
  const { db, blobs } = fixture.uploads;
  const all: Found[] = [];
  const check = async (store: BlobStore) => {
    await fsck({
      db,
      blobs: store,
      clock: new TestClock(Date.now()),
      grace: GRACE,
      retention: GRACE,
      read: () => {},
      found: async (one) => void all.push(one),
    });
  };
  const { session } = await createUpload(fixture);
  const listsNothing: BlobStore = { ...blobs, async *list() {} };
  await check(listsNothing);
  assert.deepEqual(kinds(all), []);
  await blobs.remove(session.staged);
  await check(listsNothing);
  assert.deepEqual(kinds(all), ['session_without_bytes']);
});

test('a content that was begun long ago and is still being written to is young', async () => {
  await using fixture = await openFilesFixture();
  const { db, blobs } = fixture.files;
  await blobs.put(ORPHAN, chunks('a direct upload that takes its time'));
  const clock = new TestClock(Date.now() + 2 * GRACE);
  const stillWritten: BlobStore = {
    ...blobs,
    async *list() {
      for await (const stored of blobs.list()) yield { ...stored, lastWrite: async () => clock.now() };
    },
  };
  const all: Found[] = [];
  const checked = await fsck({
    db,
    blobs: stillWritten,
    clock,
    grace: GRACE,
    retention: GRACE,
    read: () => {},
    found: async (one) => void all.push(one),
  });
  assert.deepEqual(kinds(all), []);
  assert.equal(checked.skippedBlobs, 1);
});
