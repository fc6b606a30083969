import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFolder } from '../../packages/server/src/files/items.ts';
import { listByMarker } from '../../packages/server/src/files/paging.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { type FilesFixture, openFilesFixture, refusal } from './files-fixture.ts';
import { betweenBatches, countRows, LARGE, largeFolder, sweepTrees, writesOf } from './large-trees.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, copy, fileOf, move, purge, rename, restore, rowOf, trash } from './tree-steps.ts';

async function names(fixture: FilesFixture, id = fixture.owner.root_id): Promise<string[]> {
  const { entries } = await listByMarker(fixture.files.db, await rowOf(fixture, { id }), {
    marker: undefined,
    limit: 1000,
  });
  return entries.map(({ item }) => item.name);
}

const blocked = refusal('blocked');

test('a large folder is copied in batches: others get through between them, and nobody sees the copy before it is whole', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await largeFolder(fixture);
  const others: string[] = [];
  const watched = betweenBatches(fixture, async (batch) => {
    const { stranger, owner } = fixture;
    others.push(
      (await createFolder(fixture.files, { caller: stranger.id, folderId: stranger.root_id, name: `${batch}` })).name,
    );
    await createFolder(fixture.files, { caller: owner.id, folderId: owner.root_id, name: `own ${batch}` });
    assert.ok(!(await names(fixture)).includes('copy'));
    await assertCountersRight(fixture.files.db);
  });

  const id = await copy(watched, { ...large, kind: 'folder' }, { id: fixture.owner.root_id }, { name: 'copy' });

  assert.ok(others.length >= LARGE / 200, `${others.length} batches`);
  const made = await rowOf(fixture, { id });
  assert.deepEqual([made.child_count, made.size, made.name], [450, 3, 'copy']);
  assert.ok((await names(fixture)).includes('copy'));
  assert.deepEqual(await names(fixture, id), await names(fixture, large.id));
  assert.equal((await countRows(fixture)).jobs, 0);
  assert.equal((await fixture.stored()).length, 1);
  await assertCountersRight(fixture.files.db);
});

test('no statement of a large copy or deletion writes more than a batch, and moving, trashing and restoring write a few rows', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await largeFolder(fixture);
  const folder = { id: large.id, kind: 'folder' as const };
  const to = await fixture.folder('to');

  const act = (what: (fixture: FilesFixture) => Promise<unknown>) =>
    writesOf(fixture.files, (files) => what(fixture.withFiles(files)));
  const copied = await act((its) => copy(its, folder, to));
  assert.ok(copied.most > 1 && copied.most <= 200, `${copied.most} rows`);
  assert.ok(copied.statements < LARGE / 2, `${copied.statements} statements`);
  for (const few of [
    await act((its) => move(its, folder, { id: fixture.owner.root_id })),
    await act((its) => trash(its, folder)),
    await act((its) => restore(its, folder)),
  ]) {
    assert.ok(few.all < 10, `${few.all} rows`);
  }
  await trash(fixture, folder);
  const gone = await act((its) => purge(its, folder));
  assert.ok(gone.most > 1 && gone.most <= 200, `${gone.most} rows`);
  assert.ok(gone.statements < LARGE / 2, `${gone.statements} statements`);
  await assertCountersRight(fixture.files.db);
});

test('a large copy that dies at any of its statements leaves nothing that anybody sees, and the sweep removes the rest', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await largeFolder(fixture);
  const before = await countRows(fixture);
  const died = new Error('the process died');
  let whole = 0;
  for (let n = 1; whole === 0; n += 5) {
    assert.ok(n < 400);
    let asked = 0;
    const db = watchQueries(fixture.files.db, {
      beforeAny: () => {
        asked += 1;
        if (asked >= n) throw died;
      },
    });
    const dying = fixture.withFiles({ ...fixture.files, db });
    const error = await copy(dying, { ...large, kind: 'folder' }, { id: fixture.owner.root_id }, { name: `copy` }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await assertCountersRight(fixture.files.db);
    if (error === undefined) {
      whole += 1;
      continue;
    }
    assert.equal(error, died);
    assert.deepEqual(await names(fixture), ['large']);
    await sweepTrees(fixture);
    assert.deepEqual(await countRows(fixture), before);
    await assertCountersRight(fixture.files.db);
  }
  assert.deepEqual(await names(fixture), ['copy', 'large']);
});

test('while a folder is copied nothing in it changes its place, name or size; everything else goes on', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const { large, inner } = await largeFolder(fixture);
  await move(fixture, { ...large, kind: 'folder' }, outer);
  const inside = fileOf(await fixture.file('inside', { parent: inner }));
  const trashed = fileOf(await fixture.file('trashed', { parent: inner }));
  await trash(fixture, trashed);
  const outside = fileOf(await fixture.file('outside'));
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
    // What is around it may change, though not be deleted for good.
    await rename(fixture, { id: outer.id, kind: 'folder' }, 'renamed');
    await rename(fixture, { ...large, kind: 'folder' }, 'still large');
    await trash(fixture, { id: outer.id, kind: 'folder' });
    await assert.rejects(purge(fixture, { id: outer.id, kind: 'folder' }), blocked);
    await rename(fixture, outside, 'elsewhere');
  });

  const id = await copy(watched, { ...large, kind: 'folder' }, { id: fixture.owner.root_id }, { name: 'copy' });

  assert.equal(tried, 1);
  assert.equal((await rowOf(fixture, { id })).child_count, 450);
  await purge(fixture, { id: outer.id, kind: 'folder' });
  assert.deepEqual(await names(fixture), ['copy', 'elsewhere']);
  await assertCountersRight(fixture.files.db);
});

const blockedError = Object.assign(new Error('blocked'), { code: 'blocked' });

test('a copy whose name is taken meanwhile, or whose folder goes, is refused at its end and leaves nothing', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await largeFolder(fixture);
  const folder = { ...large, kind: 'folder' as const };
  const to = await fixture.folder('to');
  const before = (await countRows(fixture)).items ?? 0;
  const meanwhile = (act: () => Promise<unknown>) =>
    betweenBatches(fixture, async (batch) => {
      if (batch === 2) await act();
    });

  await assert.rejects(
    copy(
      meanwhile(() => fixture.folder('LARGE', to.id)),
      folder,
      to,
    ),
    refusal('name-in-use'),
  );
  await assert.rejects(
    copy(
      meanwhile(() => trash(fixture, { ...to, kind: 'folder' })),
      folder,
      to,
      { name: 'b' },
    ),
    refusal('trashed'),
  );
  assert.equal(await sweepTrees(fixture), 2);

  assert.equal((await countRows(fixture)).items, before + 1);
  await assertCountersRight(fixture.files.db);
});

test('a user has two copies under way at most, and a third is told to come again', async () => {
  await using fixture = await openFilesFixture();
  const { large } = await largeFolder(fixture);
  const folder = { ...large, kind: 'folder' as const };
  const root = { id: fixture.owner.root_id };
  let depth = 0;
  const nested: Promise<unknown>[] = [];
  const watched = betweenBatches(fixture, async (batch) => {
    if (batch > 1) return;
    depth += 1;
    const second = betweenBatches(fixture, async (its) => {
      if (its > 1) return;
      await assert.rejects(copy(fixture, folder, root, { name: 'third' }), blocked);
      depth += 1;
    });
    nested.push(copy(second, folder, root, { name: 'second' }));
    await Promise.all(nested);
  });

  await copy(watched, folder, root, { name: 'first' });

  assert.equal(depth, 2);
  assert.deepEqual(await names(fixture), ['first', 'large', 'second']);
  await assertCountersRight(fixture.files.db);
});
