import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFolder } from '../../packages/server/src/files/items.ts';
import { listByMarker } from '../../packages/server/src/files/paging.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import {
  addFolders,
  betweenBatches,
  countRows,
  countWrites,
  createLargeFolder,
  finishJobs,
  LARGE,
} from './large-trees.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, asFile, copy, move, purge, readRow, rename, restore, trash } from './tree-steps.ts';

async function listNames(fixture: FilesFixture, id = fixture.owner.root_id): Promise<string[]> {
  const { entries } = await listByMarker(fixture.files.db, await readRow(fixture, { id }), {
    marker: undefined,
    limit: 1000,
  });
  return entries.map(({ item }) => item.name);
}

const blocked = errorWithCode('blocked');

test('a large folder is copied in batches: other requests run between them, and the copy is invisible until it is complete', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await createLargeFolder(fixture);
  const others: string[] = [];
  const watched = betweenBatches(fixture, async (batch) => {
    const { otherUser, owner } = fixture;
    others.push(
      (await createFolder(fixture.files, { caller: otherUser.id, folderId: otherUser.root_id, name: `${batch}` })).name,
    );
    await createFolder(fixture.files, { caller: owner.id, folderId: owner.root_id, name: `own ${batch}` });
    assert.ok(!(await listNames(fixture)).includes('copy'));
    await assertCountersRight(fixture.files.db);
  });

  const id = await copy(watched, { ...large, kind: 'folder' }, { id: fixture.owner.root_id }, { name: 'copy' });

  assert.ok(others.length >= LARGE / 200, `${others.length} batches`);
  const copied = await readRow(fixture, { id });
  assert.deepEqual([copied.child_count, copied.size, copied.name], [450, 3, 'copy']);
  assert.ok((await listNames(fixture)).includes('copy'));
  assert.deepEqual(await listNames(fixture, id), await listNames(fixture, large.id));
  assert.equal((await countRows(fixture)).jobs, 0);
  assert.equal((await fixture.listBlobs()).length, 1);
  await assertCountersRight(fixture.files.db);
});

test('a large copy or deletion writes at most one batch per statement, and moving, trashing and restoring write only a few rows', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await createLargeFolder(fixture);
  const folder = { id: large.id, kind: 'folder' as const };
  const to = await fixture.folder('to');

  const act = (what: (fixture: FilesFixture) => Promise<unknown>) =>
    countWrites(fixture.files, (files) => what(fixture.withFiles(files)));
  const copied = await act((watched) => copy(watched, folder, to));
  assert.ok(copied.most > 1 && copied.most <= 200, `${copied.most} rows`);
  assert.ok(copied.statements < LARGE / 2, `${copied.statements} statements`);
  for (const few of [
    await act((watched) => move(watched, folder, { id: fixture.owner.root_id })),
    await act((watched) => trash(watched, folder)),
    await act((watched) => restore(watched, folder)),
  ]) {
    assert.ok(few.all < 10, `${few.all} rows`);
  }
  await trash(fixture, folder);
  const purged = await act((watched) => purge(watched, folder));
  assert.ok(purged.most > 1 && purged.most <= 200, `${purged.most} rows`);
  assert.ok(purged.statements < LARGE / 2, `${purged.statements} statements`);
  await assertCountersRight(fixture.files.db);
});

test('a large copy that dies at any of its statements leaves nothing visible, and a background job removes the rest', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await createLargeFolder(fixture);
  const before = await countRows(fixture);
  const died = new Error('the process died');
  let completed = 0;
  for (let n = 1; completed === 0; n += 5) {
    assert.ok(n < 400);
    let statements = 0;
    const db = watchQueries(fixture.files.db, {
      beforeAny: () => {
        statements += 1;
        if (statements >= n) throw died;
      },
    });
    const dying = fixture.withFiles({ ...fixture.files, db });
    const error = await copy(dying, { ...large, kind: 'folder' }, { id: fixture.owner.root_id }, { name: `copy` }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await assertCountersRight(fixture.files.db);
    if (error === undefined) {
      completed += 1;
      continue;
    }
    assert.equal(error, died);
    assert.deepEqual(await listNames(fixture), ['large']);
    await finishJobs(fixture);
    assert.deepEqual(await countRows(fixture), before);
    await assertCountersRight(fixture.files.db);
  }
  assert.deepEqual(await listNames(fixture), ['copy', 'large']);
});

test('while a folder is copied, nothing in it can change its place, name or size, and everything else continues', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const { large, inner } = await createLargeFolder(fixture);
  await move(fixture, { ...large, kind: 'folder' }, outer);
  const inside = asFile(await fixture.file('inside', { parent: inner }));
  const trashed = asFile(await fixture.file('trashed', { parent: inner }));
  await trash(fixture, trashed);
  const outside = asFile(await fixture.file('outside'));
  let tried = 0;
  const watched = betweenBatches(fixture, async (batch) => {
    if (batch !== 2) return;
    tried += 1;
    const folder = { id: inner, kind: 'folder' as const };
    for (const act of [
      () => fixture.folder('new', inner),
      () => fixture.file('new', { parent: large.id }),
      () => addVersion(fixture, inside, 'of another size'),
      () => rename(fixture, inside, 'renamed'),
      () => move(fixture, inside, outer),
      () => move(fixture, outside, { id: inner }),
      () =>
        move(fixture, outer, folder).catch((error) =>
          Promise.reject(error.code === 'cyclical-move' ? blockedError : error),
        ),
      () => trash(fixture, inside),
      () => trash(fixture, folder),
      () => restore(fixture, trashed),
      () => copy(fixture, outside, folder),
    ]) {
      await assert.rejects(act(), blocked, String(act));
    }
    // Its surroundings can change, but cannot be deleted permanently.
    await rename(fixture, { id: outer.id, kind: 'folder' }, 'renamed');
    await rename(fixture, { ...large, kind: 'folder' }, 'still large');
    await trash(fixture, { id: outer.id, kind: 'folder' });
    await assert.rejects(purge(fixture, { id: outer.id, kind: 'folder' }), blocked);
    await rename(fixture, outside, 'elsewhere');
  });

  const id = await copy(watched, { ...large, kind: 'folder' }, { id: fixture.owner.root_id }, { name: 'copy' });

  assert.equal(tried, 1);
  assert.equal((await readRow(fixture, { id })).child_count, 450);
  await purge(fixture, { id: outer.id, kind: 'folder' });
  assert.deepEqual(await listNames(fixture), ['copy', 'elsewhere']);
  await assertCountersRight(fixture.files.db);
});

const blockedError = Object.assign(new Error('blocked'), { code: 'blocked' });

test('a copy whose name is taken or whose target is trashed in the meantime is rejected at its end and leaves nothing', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await createLargeFolder(fixture);
  const folder = { ...large, kind: 'folder' as const };
  const to = await fixture.folder('to');
  const before = (await countRows(fixture)).items ?? 0;
  const duringCopy = (act: () => Promise<unknown>) =>
    betweenBatches(fixture, async (batch) => {
      if (batch === 2) await act();
    });

  await assert.rejects(
    copy(
      duringCopy(() => fixture.folder('LARGE', to.id)),
      folder,
      to,
    ),
    errorWithCode('name-in-use'),
  );
  await assert.rejects(
    copy(
      duringCopy(() => trash(fixture, { ...to, kind: 'folder' })),
      folder,
      to,
      { name: 'b' },
    ),
    errorWithCode('trashed'),
  );
  assert.equal(await finishJobs(fixture), 2);

  assert.equal((await countRows(fixture)).items, before + 1);
  await assertCountersRight(fixture.files.db);
});

test('a batch of a copy has at most 8 MiB of details, but at least one item', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const folder = await fixture.folder('detailed');
  const inner = await fixture.folder('inner', folder.id);
  await addFolders(fixture, folder.id, 4);
  await addFolders(fixture, inner.id, 5);
  const MIB = 1024 * 1024;
  for (const [size, expected] of [
    // All ten items fit.
    [100, [10]],
    [4 * MIB, [2, 2, 2, 2, 2]],
    [3 * MIB, [2, 2, 2, 2, 2]],
    [9 * MIB, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
  ] as const) {
    await db
      .updateTable('items')
      .set({ details: JSON.stringify({ tags: ['x'.repeat(size - '{"tags":[""]}'.length)] }) })
      .where('parent_id', 'in', [folder.id, inner.id])
      .execute();
    const before = (await countRows(fixture)).items ?? 0;
    const totals: number[] = [];
    const watched = betweenBatches(fixture, async () => {
      totals.push(((await countRows(fixture)).items ?? 0) - before - 1);
    });

    const id = await copy(watched, folder, { id: fixture.owner.root_id }, { name: `copy of ${size}` });

    const batches = totals.map((total, batch) => total - (totals[batch - 1] ?? 0)).filter((items) => items > 0);
    assert.deepEqual(batches, expected);
    await db.updateTable('items').set({ details: '' }).execute();
    assert.deepEqual(await listNames(fixture, id), await listNames(fixture, folder.id));
  }
  await assertCountersRight(db);
});

test('a copy that is canceled because it was inactive after any of its batches says so and leaves nothing', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await createLargeFolder(fixture);
  const before = await countRows(fixture);
  for (let canceledAfter = 1; ; canceledAfter += 1) {
    assert.ok(canceledAfter < 20);
    let isCanceled = false;
    const watched = betweenBatches(fixture, async (batch) => {
      if (batch !== canceledAfter) return;
      isCanceled = true;
      // Its lease has expired, so the background job deletes what it has copied.
      assert.equal(await finishJobs(fixture), 1);
    });
    const copying = copy(watched, { ...large, kind: 'folder' }, { id: fixture.owner.root_id }, { name: 'copy' });
    const error = await copying.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!isCanceled) {
      assert.equal(error, undefined);
      assert.ok(canceledAfter > LARGE / 200, `${canceledAfter} batches`);
      break;
    }
    assert.ok(errorWithCode('unavailable')(error), String(error));
    assert.deepEqual(await listNames(fixture), ['large']);
    assert.deepEqual(await countRows(fixture), before);
    await assertCountersRight(fixture.files.db);
  }
  assert.deepEqual(await listNames(fixture), ['copy', 'large']);
});

test('a user can have two copies in progress, and a third is asked to retry', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await createLargeFolder(fixture);
  const folder = { ...large, kind: 'folder' as const };
  const root = { id: fixture.owner.root_id };
  let depth = 0;
  const nested: Promise<unknown>[] = [];
  const watched = betweenBatches(fixture, async (batch) => {
    if (batch > 1) return;
    depth += 1;
    const second = betweenBatches(fixture, async (secondBatch) => {
      if (secondBatch > 1) return;
      await assert.rejects(copy(fixture, folder, root, { name: 'third' }), blocked);
      depth += 1;
    });
    nested.push(copy(second, folder, root, { name: 'second' }));
    await Promise.all(nested);
  });

  await copy(watched, folder, root, { name: 'first' });

  assert.equal(depth, 2);
  assert.deepEqual(await listNames(fixture), ['first', 'large', 'second']);
  await assertCountersRight(fixture.files.db);
});
