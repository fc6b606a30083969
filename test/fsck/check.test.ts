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

/** Returns the findings of a check, ordered by kind. Repairs them if `repair` is set. */
async function runCheck(fixture: FilesFixture, { repair = false } = {}): Promise<Found[]> {
  const all: Found[] = [];
  const { db, blobs } = fixture.files;
  let read = 0;
  const checked = await fsck({
    db,
    blobs,
    // Blobs have the machine's own time.
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

/** Dates all rows after the stored bytes, so that no bytes look like a newer file whose row is missing. */
async function dateRowsAfterBytes(fixture: FilesFixture): Promise<void> {
  await fixture.files.db
    .updateTable('versions')
    .set({ created_at: Date.now() + GRACE })
    .execute();
}

const listKinds = (all: Found[]) => all.map(({ kind }) => kind);

async function getBlobId(fixture: FilesFixture, name: string): Promise<BlobId> {
  const { db } = fixture.files;
  const row = await db.selectFrom('versions').select('blob_id').where('name', '=', name).executeTakeFirstOrThrow();
  return row.blob_id;
}

test('a tree with items in the trash, copies and versions has no findings, and each blob is read once', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  await fixture.file('in.txt', { parent: folder.id });
  await trash(fixture, asFile(await fixture.file('out.txt', { parent: folder.id })));
  await trash(fixture, folder);
  await fixture.file('empty', { text: '' });
  assert.deepEqual(await runCheck(fixture), []);
  assert.equal(await estimateBytes(fixture.files.db), 'in.txt'.length + 'out.txt'.length);
});

test('wrong counters are found and repaired', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  await fixture.file('a.txt', { parent: folder.id });
  const { db } = fixture.files;
  await db.updateTable('users').set({ space_used: 1, space_reserved: 2 }).where('id', '=', fixture.owner.id).execute();
  await db.updateTable('items').set({ child_count: 7, size: 8 }).where('id', '=', folder.id).execute();
  const all = await runCheck(fixture, { repair: true });
  assert.deepEqual(listKinds(all), ['child_count_off', 'item_size_off', 'space_reserved_off', 'space_used_off']);
  assert.match(all[1]?.message ?? '', /size of the folder folder \(\d+\) is 8, but should be 5\./);
  await assertCountersRight(db);
  assert.deepEqual(await runCheck(fixture), []);
});

test('missing bytes are reported with the file that lost them, orphans are deleted, and nothing else changes', async () => {
  await using fixture = await openFilesFixture();
  await fixture.file('gone.txt');
  await fixture.file('stays.txt');
  const { blobs } = fixture.files;
  await blobs.remove(await getBlobId(fixture, 'gone.txt'));
  await blobs.put(ORPHAN, chunks('nobody’s'));
  await dateRowsAfterBytes(fixture);
  const all = await runCheck(fixture, { repair: true });
  assert.deepEqual(listKinds(all), ['blob_missing', 'blob_orphaned']);
  assert.match(all[0]?.message ?? '', /^gone\.txt \(file \d+, version 1\): the blob is missing\./);
  assert.equal(all[0]?.repair, undefined);
  assert.deepEqual(
    (await fixture.listBlobs()).map((stored) => stored.blob),
    [await getBlobId(fixture, 'stays.txt')],
  );
  assert.deepEqual(listKinds(await runCheck(fixture)), ['blob_missing']);
});

test('bytes newer than every row are reported, and a repair keeps them, because rows may be missing', async () => {
  await using fixture = await openFilesFixture();
  await fixture.file('old.txt');
  await fixture.files.blobs.put(ORPHAN, chunks('newer than the backup'));
  const [orphan] = await runCheck(fixture, { repair: true });
  assert.equal(orphan?.kind, 'blob_orphaned');
  assert.match(orphan?.message ?? '', /if an older backup of the database was restored, this is a newer file/);
  assert.equal(orphan?.repair, undefined);
  assert.ok((await fixture.listBlobs()).some((stored) => stored.blob === ORPHAN));
});

test('a repair keeps bytes that the server found only a short while ago', async () => {
  await using fixture = await openFilesFixture();
  await fixture.file('old.txt');
  await fixture.files.blobs.put(ORPHAN, chunks('found'));
  await dateRowsAfterBytes(fixture);
  await fixture.files.db
    .insertInto('orphaned_blobs')
    .values({ blob_id: ORPHAN, found_at: Date.now() + 2 * GRACE })
    .execute();
  assert.equal((await runCheck(fixture, { repair: true }))[0]?.repair, undefined);
});

test('a version that does not match its bytes is found, and a repair does not change it', async () => {
  await using fixture = await openFilesFixture();
  await fixture.file('a.txt');
  await fixture.files.db.updateTable('versions').set({ size: 4 }).execute();
  const [damaged] = (await runCheck(fixture)).filter(({ kind }) => kind === 'blob_damaged');
  assert.match(damaged?.message ?? '', /the size is 5 bytes instead of 4/);
});

test('bytes that cannot be read are reported as unreadable, not as damaged', async () => {
  const plan: Fault<BlobStore>[] = [];
  await using fixture = await openFilesFixture(plan);
  await fixture.file('a.txt');
  plan.push({ method: 'read', when: 'before', fail: new Error('the disk does not answer') });
  const [unreadable] = await runCheck(fixture);
  assert.equal(unreadable?.kind, 'blob_unreadable');
  assert.match(unreadable?.message ?? '', /the disk does not answer/);
});

test('a file that is deleted permanently just before its bytes are read is not reported', async () => {
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
  assert.deepEqual(await runCheck(fixture), []);
  assert.ok(deleted);
});

test('a blob that gets its row between the listing and the repair is not deleted as an orphan', async () => {
  await using fixture = await openFilesFixture();
  const { blobs } = fixture.files;
  await blobs.put(ORPHAN, chunks('a.txt'));
  await fixture.file('a.txt');
  await dateRowsAfterBytes(fixture);
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
  assert.deepEqual(listKinds(all).slice(0, 1), ['blob_orphaned']);
  assert.ok((await fixture.listBlobs()).some((stored) => stored.blob === ORPHAN));
});

test('an upload in progress that the store does not list is not reported as missing if the store knows it', async () => {
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
  const storeWithoutList: BlobStore = { ...blobs, async *list() {} };
  await check(storeWithoutList);
  assert.deepEqual(listKinds(all), []);
  await blobs.remove(session.staged);
  await check(storeWithoutList);
  assert.deepEqual(listKinds(all), ['session_without_bytes']);
});

test('a blob that was created long ago and is still being written counts as recent', async () => {
  await using fixture = await openFilesFixture();
  const { db, blobs } = fixture.files;
  await blobs.put(ORPHAN, chunks('a direct upload that takes its time'));
  const clock = new TestClock(Date.now() + 2 * GRACE);
  const activeStore: BlobStore = {
    ...blobs,
    async *list() {
      for await (const stored of blobs.list()) yield { ...stored, lastWrite: async () => clock.now() };
    },
  };
  const all: Found[] = [];
  const checked = await fsck({
    db,
    blobs: activeStore,
    clock,
    grace: GRACE,
    retention: GRACE,
    read: () => {},
    found: async (one) => void all.push(one),
  });
  assert.deepEqual(listKinds(all), []);
  assert.equal(checked.skippedBlobs, 1);
});
