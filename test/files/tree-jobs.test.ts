import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import {
  abandonJob,
  acquireJobs,
  acquireOverdueJob,
  checkNotCopied,
  insertJob,
  isBeingDeleted,
  listCopySources,
  renewJob,
} from '../../packages/server/src/files/tree-jobs.ts';
import { errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { betweenBatches, createLargeFolder, finishJobs } from './large-trees.ts';
import { copy, rename, trash } from './tree-steps.ts';

const LEASE = 60_000;
const NOW = 1_000_000;

type Kind = 'copy' | 'delete' | 'delete-user';

function insert({ files, owner }: FilesFixture, kind: Kind, source?: ItemId) {
  const job = { kind, owner_id: owner.id, root_id: owner.root_id, ...(source !== undefined && { source_id: source }) };
  return files.db.transaction().execute((tx) => insertJob(tx, job, NOW));
}

const listJobs = ({ files }: FilesFixture) =>
  files.db.selectFrom('tree_jobs').select(['kind', 'source_id', 'lease_until']).orderBy('id').execute();

test('a job is overdue a minute after its last batch', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const job = await insert(fixture, 'delete');
  assert.equal(await acquireOverdueJob(db, NOW + LEASE - 1), undefined);
  assert.equal(await db.transaction().execute((tx) => renewJob(tx, job, NOW + 10)), true);
  assert.equal(await acquireOverdueJob(db, NOW + LEASE + 9), undefined);

  const acquired = await acquireOverdueJob(db, NOW + LEASE + 10);
  assert.deepEqual([acquired?.id, acquired?.kind], [job.id, 'delete']);
  assert.deepEqual(await listJobs(fixture), [{ kind: 'delete', source_id: null, lease_until: NOW + 2 * LEASE + 10 }]);
  assert.equal(await acquireOverdueJob(db, NOW + LEASE + 10), undefined);
});

test('an overdue copy becomes a deletion, and its process cannot continue', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const source = await fixture.folder('source');
  const job = await insert(fixture, 'copy', source.id);
  assert.deepEqual(await listCopySources(db, fixture.owner.id), [source.id]);

  const acquired = await acquireOverdueJob(db, NOW + LEASE);
  assert.deepEqual([acquired?.id, acquired?.kind], [job.id, 'delete']);
  assert.deepEqual(await listCopySources(db, fixture.owner.id), []);
  assert.equal(await db.transaction().execute((tx) => renewJob(tx, job, NOW)), false);
});

test('an overdue deletion of a user stays one', async () => {
  await using fixture = await openFilesFixture();
  await insert(fixture, 'delete-user');
  assert.equal((await acquireOverdueJob(fixture.files.db, NOW + LEASE))?.kind, 'delete-user');
  assert.equal(await isBeingDeleted(fixture.files.db, fixture.owner.id), true);
  assert.equal(await isBeingDeleted(fixture.files.db, fixture.otherUser.id), false);
});

test('an abandoned job is overdue at once, and an abandoned copy becomes a deletion', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const source = await fixture.folder('source');
  for (const [kind, then] of [
    ['copy', 'delete'],
    ['delete', 'delete'],
    ['delete-user', 'delete-user'],
  ] as const) {
    await db.deleteFrom('tree_jobs').execute();
    await abandonJob(db, await insert(fixture, kind, kind === 'copy' ? source.id : undefined));
    assert.deepEqual(await listCopySources(db, fixture.owner.id), []);
    assert.equal((await acquireOverdueJob(db, NOW))?.kind, then);
  }
});

test('before a user is deleted, copies become deletions, and all of both are acquired', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const source = await fixture.folder('source');
  const copying = await insert(fixture, 'copy', source.id);
  const deleting = await insert(fixture, 'delete');
  await insert(fixture, 'delete-user');

  const jobs = await acquireJobs(db, fixture.owner.id);
  assert.deepEqual(jobs.map(({ id }) => id).toSorted(), [copying.id, deleting.id].toSorted());
  assert.deepEqual(new Set(jobs.map(({ kind }) => kind)), new Set(['delete']));
  assert.equal(await db.transaction().execute((tx) => renewJob(tx, copying, NOW)), false);
  assert.equal(await db.transaction().execute((tx) => renewJob(tx, deleting, NOW)), true);
  assert.deepEqual(await acquireJobs(db, fixture.otherUser.id), []);
});

test('a folder that is being copied blocks changes in it, and with orBelow also changes of its parents', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const outer = await fixture.folder('outer');
  const source = await fixture.folder('source', outer.id);
  const inner = await fixture.folder('inner', source.id);
  const other = await fixture.folder('other');
  const blocked = async (id: ItemId, options?: { orBelow: boolean }) =>
    checkNotCopied(files.db, owner.id, id, options).then(
      () => false,
      (error) => errorWithCode('blocked')(error),
    );
  const all = (options?: { orBelow: boolean }) =>
    Promise.all([outer, source, inner, other].map(({ id }) => blocked(id, options)));

  assert.deepEqual(await all({ orBelow: true }), [false, false, false, false]);
  await insert(fixture, 'copy', source.id);
  assert.deepEqual(await all(), [false, true, true, false]);
  assert.deepEqual(await all({ orBelow: true }), [true, true, true, false]);
});

test('a copy that fails at its end stops blocking its original at once', async () => {
  await using fixture = await openFilesFixture();
  const { large, inner } = await createLargeFolder(fixture);
  const to = await fixture.folder('to');
  const watched = betweenBatches(fixture, async (batch) => {
    if (batch === 2) await trash(fixture, { id: to.id, kind: 'folder' });
  });
  await assert.rejects(copy(watched, { id: large.id, kind: 'folder' }, to), errorWithCode('trashed'));

  await rename(fixture, { id: inner, kind: 'folder' }, 'renamed');
  assert.deepEqual(
    (await listJobs(fixture)).map(({ kind }) => kind),
    ['delete'],
  );
  await finishJobs(fixture);
});
