import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import { createFolder } from '../../packages/server/src/files/items.ts';
import { emptyTrash } from '../../packages/server/src/files/retention/empty-trash.ts';
import { openTrashRetention, purgedAt } from '../../packages/server/src/files/retention/trash-retention.ts';
import { insertJob } from '../../packages/server/src/files/tree-jobs.ts';
import { restoreVersion, trashVersion } from '../../packages/server/src/files/versions.ts';
import { SerialQueue } from '../../packages/server/src/util/keyed-queue.ts';
import { onlySqlite } from '../support/test-database.ts';
import { type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { betweenBatches, countRows, countWrites } from './large-trees.ts';
import { explainStatements } from './query-plans.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, asFile, readVersions, restore, trash } from './tree-steps.ts';

const DAY = 24 * 3_600_000;
const PERIOD = 30 * DAY;

/** A fixture whose trash keeps items for thirty days, from now on. */
async function openWithRetention(): Promise<FilesFixture & AsyncDisposable> {
  const fixture = await openFilesFixture();
  fixture.files.trashRetention = { period: PERIOD, since: fixture.clock.now() };
  return fixture;
}

const exists = async ({ files }: FilesFixture, { id }: { id: ItemId }) =>
  (await files.db.selectFrom('items').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;

/** Adds files to the trash directly in the database, each with a version of one byte. */
async function addTrashedFiles({ files, owner, clock }: FilesFixture, count: number): Promise<void> {
  const now = clock.now();
  const at = { created_at: now, modified_at: now, content_created_at: now, content_modified_at: now };
  const rows = Array.from({ length: count }, (_, n) => {
    const [id, version_id] = [newId<ItemId>(), newId()];
    const names = {
      name: `${n}`,
      name_key: `${n}`,
      description: '',
      etag: 0,
      created_by: owner.id,
      modified_by: owner.id,
    };
    const place = { kind: 'file' as const, owner_id: owner.id, parent_id: owner.root_id };
    return { id, version_id, ...names, ...place, ...at, size: 1, trashed_at: now, trashed_with: id };
  });
  for (let from = 0; from < count; from += 500) {
    const batch = rows.slice(from, from + 500);
    await files.db
      .insertInto('items')
      .values(batch as never)
      .execute();
    const versions = batch.map(({ id, version_id, name }) => ({
      id: version_id,
      file_id: id,
      blob_id: id.toString(16).padStart(32, '0'),
      name,
      size: 1,
      sha1: '',
      created_at: now,
      created_by: owner.id,
    }));
    await files.db
      .insertInto('versions')
      .values(versions as never)
      .execute();
  }
  await files.db
    .updateTable('users')
    .set((row) => ({ space_used: row('space_used', '+', count), item_count: row('item_count', '+', count) }))
    .where('id', '=', owner.id)
    .execute();
}

test('files and folders are purged once they have been in the trash for the whole retention, and their quota is free', async () => {
  await using fixture = await openWithRetention();
  const { files, clock } = fixture;
  const folder = { ...(await fixture.folder('folder')), kind: 'folder' as const };
  await fixture.file('inside', { parent: folder.id });
  const file = asFile(await fixture.file('file'));
  await addVersion(fixture, file, 'second');
  const kept = asFile(await fixture.file('kept'));
  for (const item of [folder, file]) await trash(fixture, item);

  clock.advance(PERIOD - 1);
  assert.deepEqual(await emptyTrash(files), { items: 0, versions: 0 });
  assert.ok(await exists(fixture, file));

  clock.advance(1);
  assert.deepEqual(await emptyTrash(files), { items: 2, versions: 0 });
  for (const item of [folder, file]) assert.ok(!(await exists(fixture, item)));
  assert.ok(await exists(fixture, kept));
  assert.equal((await fixture.listBlobs()).length, 1);
  assert.deepEqual(await countRows(fixture), { items: 3, versions: 1, jobs: 0 });
  await assertCountersRight(files.db);
  assert.deepEqual(await emptyTrash(files), { items: 0, versions: 0 });
});

test('an item that was trashed before its folder is purged before it', async () => {
  await using fixture = await openWithRetention();
  const { files, clock } = fixture;
  const folder = { ...(await fixture.folder('folder')), kind: 'folder' as const };
  const file = asFile(await fixture.file('file', { parent: folder.id }));
  await trash(fixture, file);
  clock.advance(DAY);
  await trash(fixture, folder);
  clock.advance(PERIOD - DAY);
  assert.equal((await emptyTrash(files)).items, 1);
  assert.ok(!(await exists(fixture, file)));
  assert.ok(await exists(fixture, folder));
  clock.advance(DAY);
  assert.equal((await emptyTrash(files)).items, 1);
  assert.ok(!(await exists(fixture, folder)));
  await assertCountersRight(files.db);
});

test('what is restored shortly before its time stays, and counts from scratch if it goes to the trash again', async () => {
  await using fixture = await openWithRetention();
  const { files, clock } = fixture;
  const file = asFile(await fixture.file('file'));
  const due = asFile(await fixture.file('due'));
  const folder = { ...(await fixture.folder('folder')), kind: 'folder' as const };
  for (const item of [file, due, folder]) await trash(fixture, item);
  clock.advance(PERIOD);
  /** Restores two items after they are listed, and before anything is deleted. */
  class Interrupted extends SerialQueue {
    override async run<T>(batch: () => Promise<T>): Promise<T> {
      for (const item of [file, folder]) {
        await restore(fixture, item);
        await trash(fixture, item);
      }
      return super.run(batch);
    }
  }
  assert.deepEqual(await emptyTrash({ ...files, treeBatches: new Interrupted() }), { items: 1, versions: 0 });
  for (const item of [file, folder]) assert.ok(await exists(fixture, item));
  assert.ok(!(await exists(fixture, due)));
  clock.advance(PERIOD - 1);
  assert.equal((await emptyTrash(files)).items, 0);
  clock.advance(1);
  assert.equal((await emptyTrash(files)).items, 2);
});

test('a version in the trash is purged after the same time, and the current version stays', async () => {
  await using fixture = await openWithRetention();
  const { files, clock, owner } = fixture;
  const file = asFile(await fixture.file('file', { text: 'one' }));
  await addVersion(fixture, file, 'two');
  await addVersion(fixture, file, 'three');
  const [first, second] = (await readVersions(fixture, file)).map(({ id }) => id);
  const request = { caller: owner.id, fileId: file.id };
  for (const versionId of [first, second])
    await trashVersion(files, { ...request, versionId: versionId ?? (0 as never) });
  clock.advance(PERIOD - 1);
  assert.equal((await emptyTrash(files)).versions, 0);
  await restoreVersion(files, { ...request, versionId: second ?? (0 as never) });
  clock.advance(1);
  assert.deepEqual(await emptyTrash(files), { items: 0, versions: 1 });
  assert.deepEqual(
    (await readVersions(fixture, file)).map(({ number }) => number),
    [2, 3],
  );
  assert.equal((await fixture.listBlobs()).length, 2);
  await assertCountersRight(files.db);
});

test('a file with more versions than a batch is purged too', async () => {
  await using fixture = await openWithRetention();
  const { files, clock, owner } = fixture;
  const file = asFile(await fixture.file('file', { text: 'x' }));
  const [version] = await readVersions(fixture, file);
  const copies = Array.from({ length: 450 }, (_, n) => ({ ...version, id: newId(), number: n + 2 }));
  await files.db
    .insertInto('versions')
    .values(copies as never)
    .execute();
  await files.db
    .updateTable('users')
    .set((row) => ({ space_used: row('space_used', '+', 450), item_count: row('item_count', '+', 450) }))
    .where('id', '=', owner.id)
    .execute();
  await trash(fixture, file);
  clock.advance(PERIOD);
  assert.equal((await emptyTrash(files)).items, 1);
  assert.deepEqual(await countRows(fixture), { items: 2, versions: 0, jobs: 0 });
  await assertCountersRight(files.db);
});

test('ten thousand items are purged in batches, between which other requests run', async () => {
  await using fixture = await openWithRetention();
  await addTrashedFiles(fixture, 10_000);
  fixture.clock.advance(PERIOD);
  let batches = 0;
  const watched = betweenBatches(fixture, async (batch) => {
    batches = batch;
    const { otherUser, files } = fixture;
    await createFolder(files, { caller: otherUser.id, folderId: otherUser.root_id, name: `${batch}` });
    if (batch % 10 === 1) await assertCountersRight(files.db);
  });
  let emptied = {};
  const { most } = await countWrites(watched.files, async (files) => {
    emptied = await emptyTrash(files);
  });
  assert.deepEqual(emptied, { items: 10_000, versions: 0 });
  assert.ok(batches >= 50, `${batches} batches`);
  assert.ok(most <= 200, `${most} rows in one statement`);
  assert.deepEqual(await countRows(fixture), { items: 2 + batches, versions: 0, jobs: 0 });
  await assertCountersRight(fixture.files.db);
});

test('a run ends when the server stops or after its number of batches, and the next one continues', async () => {
  await using fixture = await openWithRetention();
  await addTrashedFiles(fixture, 500);
  fixture.clock.advance(PERIOD);
  assert.equal((await emptyTrash(fixture.files, { signal: AbortSignal.abort() })).items, 0);
  assert.equal((await emptyTrash(fixture.files, { batches: 1 })).items, 200);
  assert.equal((await emptyTrash(fixture.files)).items, 300);
});

test('nothing of a user is purged while a folder of theirs is being copied', async () => {
  await using fixture = await openWithRetention();
  const { files, clock, owner } = fixture;
  const source = await fixture.folder('source');
  const file = asFile(await fixture.file('file', { parent: source.id }));
  await trash(fixture, file);
  clock.advance(PERIOD);
  const copy = { kind: 'copy' as const, owner_id: owner.id, root_id: source.id, source_id: source.id };
  const job = await files.db.transaction().execute((tx) => insertJob(tx, copy, clock.now()));
  assert.equal((await emptyTrash(files)).items, 0);
  await files.db.deleteFrom('tree_jobs').where('id', '=', job.id).execute();
  assert.equal((await emptyTrash(files)).items, 1);
});

test('what was in the trash before the first start with a retention counts from that start', async () => {
  await using fixture = await openFilesFixture();
  const { files, clock } = fixture;
  const file = asFile(await fixture.file('file'));
  await trash(fixture, file);
  clock.advance(100 * DAY);
  const start = async (period: number | undefined) => {
    files.trashRetention = await openTrashRetention(files.db, period, clock);
    return files.trashRetention;
  };
  const first = clock.now();
  const trashedAt = first - 100 * DAY;
  assert.equal(purgedAt(await start(PERIOD), trashedAt), first + PERIOD);
  clock.advance(PERIOD - 1);
  // A restart, also with another period, does not start it again.
  assert.equal(purgedAt(await start(PERIOD + DAY), trashedAt), first + PERIOD + DAY);
  await start(PERIOD);
  assert.equal((await emptyTrash(files)).items, 0);
  clock.advance(1);

  // Without a retention, nothing is purged, and the next one counts from scratch.
  assert.equal(purgedAt(await start(undefined), trashedAt), null);
  assert.equal((await emptyTrash(files)).items, 0);
  const again = clock.now();
  assert.equal(purgedAt(await start(PERIOD), trashedAt), again + PERIOD);
  clock.advance(PERIOD - 1);
  assert.equal((await emptyTrash(files)).items, 0);
  clock.advance(1);
  assert.equal((await emptyTrash(files)).items, 1);
});

test('a clock that is wrong purges nothing early', async () => {
  await using fixture = await openWithRetention();
  const { files, clock } = fixture;
  const early = asFile(await fixture.file('early'));
  await trash(fixture, early);
  clock.jump(PERIOD);
  assert.equal((await emptyTrash(files)).items, 0, 'the clock has jumped ahead');
  clock.jump(-PERIOD);
  // Trashed while the clock is behind; its time still counts from the trusted time.
  clock.jump(-1000 * DAY);
  const late = asFile(await fixture.file('late'));
  await trash(fixture, late);
  clock.jump(1000 * DAY);
  assert.equal((await emptyTrash(files)).items, 0);
  clock.advance(PERIOD);
  assert.equal((await emptyTrash(files)).items, 2);
});

test('due items and versions are found with an index', { skip: onlySqlite }, async () => {
  await using fixture = await openWithRetention();
  fixture.clock.advance(PERIOD);
  const plans = await explainStatements(fixture.files.db, async (db) => {
    await emptyTrash({ ...fixture.files, db });
  });
  const steps = plans.flatMap((plan) => plan.steps);
  for (const index of ['items_in_trash_by_time', 'versions_in_trash']) {
    assert.ok(
      steps.some((step) => step.startsWith('SEARCH') && step.includes(index)),
      steps.join('\n'),
    );
  }
  assert.doesNotMatch(steps.join('\n'), /^SCAN|TEMP B-TREE/m);
});
