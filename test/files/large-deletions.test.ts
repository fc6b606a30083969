import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VersionId } from '../../packages/protocol/src/ids.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import { findFolder } from '../../packages/server/src/files/find.ts';
import { createFolder } from '../../packages/server/src/files/items.ts';
import { abandonJob, acquireOverdueJob } from '../../packages/server/src/files/tree-jobs.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { openHouse, refusal } from './house.ts';
import { addFolders, betweenBatches, countRows, LARGE, largeFolder, sweepTrees } from './large-trees.ts';
import { assertCountersRight } from './recount.ts';
import { fileOf, purge, restore, rowOf, trash, versionsOf } from './tree-acts.ts';
import { drawTrash } from './tree-drawing.ts';

test('a large folder is gone from the first transaction of its deletion on, and others get through between the batches', async () => {
  await using house = await openHouse();
  const { large, inner } = await largeFolder(house);
  const folder = { ...large, kind: 'folder' as const };
  const kept = fileOf(await house.file('kept', { parent: inner }));
  await trash(house, kept);
  await trash(house, folder);
  let batches = 0;
  const watched = betweenBatches(house, async (batch) => {
    batches = batch;
    const { stranger, owner, files } = house;
    await createFolder(files, { caller: stranger.id, folderId: stranger.root_id, name: `${batch}` });
    assert.equal(await findFolder(files.db, owner.id, large.id), undefined);
    assert.equal(await findFolder(files.db, owner.id, inner), undefined);
    assert.deepEqual(await drawTrash(house), [`file kept ${kept.id}`]);
    for (const act of [restore, purge]) await assert.rejects(act(house, folder), refusal('not_found'));
    await assert.rejects(house.folder('new', inner), refusal('not_found'));
    await assertCountersRight(files.db);
  });

  await purge(watched, folder);

  assert.ok(batches >= Math.floor(LARGE / 200), `${batches} batches`);
  assert.equal((await rowOf(house, kept)).parent_id, house.owner.root_id);
  await restore(house, kept);
  assert.deepEqual(await countRows(house), { items: 3 + batches, versions: 1, jobs: 0 });
  assert.equal((await house.stored()).length, 1);
  await assertCountersRight(house.files.db);
});

test('a deletion that dies at any of its statements has not begun, or the sweep ends it', async () => {
  const died = new Error('the process died');
  let whole = false;
  for (let n = 1; !whole; n += 9) {
    assert.ok(n < 400);
    await using house = await openHouse();
    const { large } = await largeFolder(house);
    const folder = { ...large, kind: 'folder' as const };
    await trash(house, folder);
    const before = await countRows(house);
    let asked = 0;
    const db = watchQueries(house.files.db, {
      beforeAny: () => {
        asked += 1;
        if (asked >= n) throw died;
      },
    });
    const error = await purge(house.withFiles({ ...house.files, db }), folder).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    whole = error === undefined;
    await assertCountersRight(house.files.db);
    const begun = (await drawTrash(house)).length === 0;
    if (!begun) assert.deepEqual(await countRows(house), before);
    await sweepTrees(house);
    assert.deepEqual(await countRows(house), begun ? { items: 2, versions: 0, jobs: 0 } : before);
    await assertCountersRight(house.files.db);
  }
});

test('of a very large folder the call deletes a part, and the sweep goes on with the rest at once', async () => {
  await using house = await openHouse();
  const large = await house.folder('large');
  await addFolders(house, large.id, 21_000);
  const folder = { id: large.id, kind: 'folder' as const };
  await trash(house, folder);
  await purge(house, folder);
  const { items = 0, jobs } = await countRows(house);
  assert.ok(items > 2 && items < 2_000, `${items} items`);
  assert.equal(jobs, 1);
  // Nobody has to wait until the lease of that call is over.
  const job = await acquireOverdueJob(house.files.db, house.files.clock.now());
  assert.equal(job?.root_id, large.id);
  await abandonJob(house.files.db, job);
  await sweepTrees(house);
  assert.deepEqual(await countRows(house), { items: 2, versions: 0, jobs: 0 });
  await assertCountersRight(house.files.db);
});

test('a file of many versions is deleted in batches too', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a', { text: 'abc' }));
  const [version] = await versionsOf(house, file);
  assert.ok(version);
  const { db } = house.files;
  const more = Array.from({ length: 450 }, (_, n) => ({ ...version, id: newId<VersionId>(), number: n + 2 }));
  await db.insertInto('versions').values(more).execute();
  const user = { space_used: 451 * 3, item_count: 451 };
  await db.updateTable('users').set(user).where('id', '=', house.owner.id).execute();
  await trash(house, file);
  let batches = 0;
  const watched = betweenBatches(house, async (batch) => {
    batches = batch;
    await assertCountersRight(db);
  });

  await purge(watched, file);

  assert.ok(batches >= 2);
  assert.deepEqual(await countRows(house), { items: 2, versions: 0, jobs: 0 });
  assert.deepEqual(await house.stored(), []);
  await assertCountersRight(db);
});

test('what went to the trash by itself has its place in the root folder from the moment its folder is deleted', async () => {
  await using house = await openHouse();
  const { large } = await largeFolder(house);
  const folder = { ...large, kind: 'folder' as const };
  const kept = fileOf(await house.file('kept', { parent: large.id }));
  await trash(house, kept);
  await trash(house, folder);
  let restored = false;
  const watched = betweenBatches(house, async () => {
    if (restored) return;
    restored = true;
    assert.equal((await rowOf(house, kept)).parent_id, large.id);
    await restore(house, kept);
  });

  await purge(watched, folder);

  assert.deepEqual([restored, (await rowOf(house, kept)).parent_id], [true, house.owner.root_id]);
  await assertCountersRight(house.files.db);
});
