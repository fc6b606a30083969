import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VersionId } from '../../packages/protocol/src/ids.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import { findFolder } from '../../packages/server/src/files/find.ts';
import { createFolder } from '../../packages/server/src/files/items.ts';
import { abandonJob, acquireOverdueJob } from '../../packages/server/src/files/tree-jobs.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { errorWithCode, openFilesFixture } from './files-fixture.ts';
import { addFolders, betweenBatches, countRows, createLargeFolder, finishJobs, LARGE } from './large-trees.ts';
import { assertCountersRight } from './recount.ts';
import { drawTrash } from './tree-drawing.ts';
import { asFile, purge, readRow, readVersions, restore, trash } from './tree-steps.ts';

test('a large folder disappears with the first transaction of its deletion, and other requests run between the batches', async () => {
  await using fixture = await openFilesFixture();
  const { large, inner } = await createLargeFolder(fixture);
  const folder = { ...large, kind: 'folder' as const };
  const kept = asFile(await fixture.file('kept', { parent: inner }));
  await trash(fixture, kept);
  await trash(fixture, folder);
  let batches = 0;
  const watched = betweenBatches(fixture, async (batch) => {
    batches = batch;
    const { otherUser, owner, files } = fixture;
    await createFolder(files, { caller: otherUser.id, folderId: otherUser.root_id, name: `${batch}` });
    assert.equal(await findFolder(files.db, owner.id, large.id), undefined);
    assert.equal(await findFolder(files.db, owner.id, inner), undefined);
    assert.deepEqual(await drawTrash(fixture), [`file kept ${kept.id}`]);
    for (const act of [restore, purge]) await assert.rejects(act(fixture, folder), errorWithCode('not-found'));
    await assert.rejects(fixture.folder('new', inner), errorWithCode('not-found'));
    await assertCountersRight(files.db);
  });

  await purge(watched, folder);

  assert.ok(batches >= Math.floor(LARGE / 200), `${batches} batches`);
  assert.equal((await readRow(fixture, kept)).parent_id, fixture.owner.root_id);
  await restore(fixture, kept);
  assert.deepEqual(await countRows(fixture), { items: 3 + batches, versions: 1, jobs: 0 });
  assert.equal((await fixture.listBlobs()).length, 1);
  await assertCountersRight(fixture.files.db);
});

test('a deletion that dies at any of its statements either has not started or is finished by a background job', async () => {
  const died = new Error('the process died');
  let completed = false;
  for (let n = 1; !completed; n += 9) {
    assert.ok(n < 400);
    await using fixture = await openFilesFixture();
    const { large } = await createLargeFolder(fixture);
    const folder = { ...large, kind: 'folder' as const };
    await trash(fixture, folder);
    const before = await countRows(fixture);
    let statements = 0;
    const db = watchQueries(fixture.files.db, {
      beforeAny: () => {
        statements += 1;
        if (statements >= n) throw died;
      },
    });
    const error = await purge(fixture.withFiles({ ...fixture.files, db }), folder).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    completed = error === undefined;
    await assertCountersRight(fixture.files.db);
    const started = (await drawTrash(fixture)).length === 0;
    if (!started) assert.deepEqual(await countRows(fixture), before);
    await finishJobs(fixture);
    assert.deepEqual(await countRows(fixture), started ? { items: 2, versions: 0, jobs: 0 } : before);
    await assertCountersRight(fixture.files.db);
  }
});

test('one call deletes a part of a very large folder, and a background job continues with the rest at once', async () => {
  await using fixture = await openFilesFixture();
  const large = await fixture.folder('large');
  await addFolders(fixture, large.id, 21_000);
  const folder = { id: large.id, kind: 'folder' as const };
  await trash(fixture, folder);
  await purge(fixture, folder);
  const { items = 0, jobs } = await countRows(fixture);
  assert.ok(items > 2 && items < 2_000, `${items} items`);
  assert.equal(jobs, 1);
  // The lease of that call does not have to expire first.
  const job = await acquireOverdueJob(fixture.files.db, fixture.files.clock.now());
  assert.equal(job?.root_id, large.id);
  await abandonJob(fixture.files.db, job);
  await finishJobs(fixture);
  assert.deepEqual(await countRows(fixture), { items: 2, versions: 0, jobs: 0 });
  await assertCountersRight(fixture.files.db);
});

test('a file with many versions is also deleted in batches', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a', { text: 'abc' }));
  const [version] = await readVersions(fixture, file);
  assert.ok(version);
  const { db } = fixture.files;
  const more = Array.from({ length: 450 }, (_, n) => ({ ...version, id: newId<VersionId>(), number: n + 2 }));
  await db.insertInto('versions').values(more).execute();
  const user = { space_used: 451 * 3, item_count: 451 };
  await db.updateTable('users').set(user).where('id', '=', fixture.owner.id).execute();
  await trash(fixture, file);
  let batches = 0;
  const watched = betweenBatches(fixture, async (batch) => {
    batches = batch;
    await assertCountersRight(db);
  });

  await purge(watched, file);

  assert.ok(batches >= 2);
  assert.deepEqual(await countRows(fixture), { items: 2, versions: 0, jobs: 0 });
  assert.deepEqual(await fixture.listBlobs(), []);
  await assertCountersRight(db);
});

test('items that were trashed on their own belong to the root folder from the moment their folder is deleted', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await createLargeFolder(fixture);
  const folder = { ...large, kind: 'folder' as const };
  const kept = asFile(await fixture.file('kept', { parent: large.id }));
  await trash(fixture, kept);
  await trash(fixture, folder);
  let restored = false;
  const watched = betweenBatches(fixture, async () => {
    if (restored) return;
    restored = true;
    assert.equal((await readRow(fixture, kept)).parent_id, large.id);
    await restore(fixture, kept);
  });

  await purge(watched, folder);

  assert.deepEqual([restored, (await readRow(fixture, kept)).parent_id], [true, fixture.owner.root_id]);
  await assertCountersRight(fixture.files.db);
});
