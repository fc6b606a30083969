import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VersionId } from '../../packages/protocol/src/ids.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import { findFolder } from '../../packages/server/src/files/find.ts';
import { createFolder } from '../../packages/server/src/files/items.ts';
import { abandonJob, acquireOverdueJob } from '../../packages/server/src/files/tree-jobs.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { openFilesFixture, refusal } from './files-fixture.ts';
import { addFolders, betweenBatches, countRows, LARGE, largeFolder, sweepTrees } from './large-trees.ts';
import { assertCountersRight } from './recount.ts';
import { drawTrash } from './tree-drawing.ts';
import { fileOf, purge, restore, rowOf, trash, versionsOf } from './tree-steps.ts';

test('a large folder is gone from the first transaction of its deletion on, and others get through between the batches', async () => {
  await using fixture = await openFilesFixture();
  const { large, inner } = await largeFolder(fixture);
  const folder = { ...large, kind: 'folder' as const };
  const kept = fileOf(await fixture.file('kept', { parent: inner }));
  await trash(fixture, kept);
  await trash(fixture, folder);
  let batches = 0;
  const watched = betweenBatches(fixture, async (batch) => {
    batches = batch;
    const { stranger, owner, files } = fixture;
    await createFolder(files, { caller: stranger.id, folderId: stranger.root_id, name: `${batch}` });
    assert.equal(await findFolder(files.db, owner.id, large.id), undefined);
    assert.equal(await findFolder(files.db, owner.id, inner), undefined);
    assert.deepEqual(await drawTrash(fixture), [`file kept ${kept.id}`]);
    for (const act of [restore, purge]) await assert.rejects(act(fixture, folder), refusal('not-found'));
    await assert.rejects(fixture.folder('new', inner), refusal('not-found'));
    await assertCountersRight(files.db);
  });

  await purge(watched, folder);

  assert.ok(batches >= Math.floor(LARGE / 200), `${batches} batches`);
  assert.equal((await rowOf(fixture, kept)).parent_id, fixture.owner.root_id);
  await restore(fixture, kept);
  assert.deepEqual(await countRows(fixture), { items: 3 + batches, versions: 1, jobs: 0 });
  assert.equal((await fixture.stored()).length, 1);
  await assertCountersRight(fixture.files.db);
});

test('a deletion that dies at any of its statements has not begun, or the sweep ends it', async () => {
  const died = new Error('the process died');
  let whole = false;
  for (let n = 1; !whole; n += 9) {
    assert.ok(n < 400);
    await using fixture = await openFilesFixture();
    const { large } = await largeFolder(fixture);
    const folder = { ...large, kind: 'folder' as const };
    await trash(fixture, folder);
    const before = await countRows(fixture);
    let asked = 0;
    const db = watchQueries(fixture.files.db, {
      beforeAny: () => {
        asked += 1;
        if (asked >= n) throw died;
      },
    });
    const error = await purge(fixture.withFiles({ ...fixture.files, db }), folder).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    whole = error === undefined;
    await assertCountersRight(fixture.files.db);
    const begun = (await drawTrash(fixture)).length === 0;
    if (!begun) assert.deepEqual(await countRows(fixture), before);
    await sweepTrees(fixture);
    assert.deepEqual(await countRows(fixture), begun ? { items: 2, versions: 0, jobs: 0 } : before);
    await assertCountersRight(fixture.files.db);
  }
});

test('of a very large folder the call deletes a part, and the sweep goes on with the rest at once', async () => {
  await using fixture = await openFilesFixture();
  const large = await fixture.folder('large');
  await addFolders(fixture, large.id, 21_000);
  const folder = { id: large.id, kind: 'folder' as const };
  await trash(fixture, folder);
  await purge(fixture, folder);
  const { items = 0, jobs } = await countRows(fixture);
  assert.ok(items > 2 && items < 2_000, `${items} items`);
  assert.equal(jobs, 1);
  // Nobody has to wait until the lease of that call is over.
  const job = await acquireOverdueJob(fixture.files.db, fixture.files.clock.now());
  assert.equal(job?.root_id, large.id);
  await abandonJob(fixture.files.db, job);
  await sweepTrees(fixture);
  assert.deepEqual(await countRows(fixture), { items: 2, versions: 0, jobs: 0 });
  await assertCountersRight(fixture.files.db);
});

test('a file of many versions is deleted in batches too', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a', { text: 'abc' }));
  const [version] = await versionsOf(fixture, file);
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
  assert.deepEqual(await fixture.stored(), []);
  await assertCountersRight(db);
});

test('what went to the trash by itself has its place in the root folder from the moment its folder is deleted', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await largeFolder(fixture);
  const folder = { ...large, kind: 'folder' as const };
  const kept = fileOf(await fixture.file('kept', { parent: large.id }));
  await trash(fixture, kept);
  await trash(fixture, folder);
  let restored = false;
  const watched = betweenBatches(fixture, async () => {
    if (restored) return;
    restored = true;
    assert.equal((await rowOf(fixture, kept)).parent_id, large.id);
    await restore(fixture, kept);
  });

  await purge(watched, folder);

  assert.deepEqual([restored, (await rowOf(fixture, kept)).parent_id], [true, fixture.owner.root_id]);
  await assertCountersRight(fixture.files.db);
});
