import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFolder } from '../../packages/server/src/files/items.ts';
import { listByMarker } from '../../packages/server/src/files/paging.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { type House, openHouse, refusal } from './house.ts';
import { betweenBatches, countRows, LARGE, largeFolder, sweepTrees, writesOf } from './large-trees.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, copy, fileOf, move, purge, rename, restore, rowOf, trash } from './tree-acts.ts';

async function names(house: House, id = house.owner.root_id): Promise<string[]> {
  const { entries } = await listByMarker(house.files.db, await rowOf(house, { id }), {
    marker: undefined,
    limit: 1000,
  });
  return entries.map(({ item }) => item.name);
}

const blocked = refusal('operation_blocked_temporary');

test('a large folder is copied in batches: others get through between them, and nobody sees the copy before it is whole', async () => {
  await using house = await openHouse();
  const { large } = await largeFolder(house);
  const others: string[] = [];
  const watched = betweenBatches(house, async (batch) => {
    const { stranger, owner } = house;
    others.push(
      (await createFolder(house.files, { caller: stranger.id, folderId: stranger.root_id, name: `${batch}` })).name,
    );
    await createFolder(house.files, { caller: owner.id, folderId: owner.root_id, name: `own ${batch}` });
    assert.ok(!(await names(house)).includes('copy'));
    await assertCountersRight(house.files.db);
  });

  const id = await copy(watched, { ...large, kind: 'folder' }, { id: house.owner.root_id }, { name: 'copy' });

  assert.ok(others.length >= LARGE / 200, `${others.length} batches`);
  const made = await rowOf(house, { id });
  assert.deepEqual([made.child_count, made.size, made.name], [450, 3, 'copy']);
  assert.ok((await names(house)).includes('copy'));
  assert.deepEqual(await names(house, id), await names(house, large.id));
  assert.equal((await countRows(house)).jobs, 0);
  assert.equal((await house.stored()).length, 1);
  await assertCountersRight(house.files.db);
});

test('no statement of a large copy or deletion writes more than a batch, and moving, trashing and restoring write a few rows', async () => {
  await using house = await openHouse();
  const { large } = await largeFolder(house);
  const folder = { id: large.id, kind: 'folder' as const };
  const to = await house.folder('to');

  const act = (what: (house: House) => Promise<unknown>) =>
    writesOf(house.files, (files) => what(house.withFiles(files)));
  const copied = await act((its) => copy(its, folder, to));
  assert.ok(copied.most > 1 && copied.most <= 200, `${copied.most} rows`);
  assert.ok(copied.statements < LARGE / 2, `${copied.statements} statements`);
  for (const few of [
    await act((its) => move(its, folder, { id: house.owner.root_id })),
    await act((its) => trash(its, folder)),
    await act((its) => restore(its, folder)),
  ]) {
    assert.ok(few.all < 10, `${few.all} rows`);
  }
  await trash(house, folder);
  const gone = await act((its) => purge(its, folder));
  assert.ok(gone.most > 1 && gone.most <= 200, `${gone.most} rows`);
  assert.ok(gone.statements < LARGE / 2, `${gone.statements} statements`);
  await assertCountersRight(house.files.db);
});

test('a large copy that dies at any of its statements leaves nothing that anybody sees, and the sweep removes the rest', async () => {
  await using house = await openHouse();
  const { large } = await largeFolder(house);
  const before = await countRows(house);
  const died = new Error('the process died');
  let whole = 0;
  for (let n = 1; whole === 0; n += 5) {
    assert.ok(n < 400);
    let asked = 0;
    const db = watchQueries(house.files.db, {
      beforeAny: () => {
        asked += 1;
        if (asked >= n) throw died;
      },
    });
    const dying = house.withFiles({ ...house.files, db });
    const error = await copy(dying, { ...large, kind: 'folder' }, { id: house.owner.root_id }, { name: `copy` }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await assertCountersRight(house.files.db);
    if (error === undefined) {
      whole += 1;
      continue;
    }
    assert.equal(error, died);
    assert.deepEqual(await names(house), ['large']);
    await sweepTrees(house);
    assert.deepEqual(await countRows(house), before);
    await assertCountersRight(house.files.db);
  }
  assert.deepEqual(await names(house), ['copy', 'large']);
});

test('while a folder is copied nothing in it changes its place, name or size; everything else goes on', async () => {
  await using house = await openHouse();
  const outer = await house.folder('outer');
  const { large, inner } = await largeFolder(house);
  await move(house, { ...large, kind: 'folder' }, outer);
  const inside = fileOf(await house.file('inside', { parent: inner }));
  const trashed = fileOf(await house.file('trashed', { parent: inner }));
  await trash(house, trashed);
  const outside = fileOf(await house.file('outside'));
  let tried = 0;
  const watched = betweenBatches(house, async (batch) => {
    if (batch !== 2) return;
    tried += 1;
    const folder = { id: inner, kind: 'folder' as const };
    for (const act of [
      () => house.folder('new', inner),
      () => house.file('new', { parent: large.id }),
      () => addVersion(house, inside, 'of another size'),
      () => rename(house, inside, 'renamed'),
      () => move(house, inside, outer),
      () => move(house, outside, { id: inner }),
      () =>
        move(house, outer, folder).catch((error) =>
          Promise.reject(error.code === 'cyclical_folder_structure' ? blockedError : error),
        ),
      () => trash(house, inside),
      () => trash(house, folder),
      () => restore(house, trashed),
      () => copy(house, outside, folder),
    ]) {
      await assert.rejects(act(), blocked, String(act));
    }
    // What is around it may change, though not be deleted for good.
    await rename(house, { id: outer.id, kind: 'folder' }, 'renamed');
    await rename(house, { ...large, kind: 'folder' }, 'still large');
    await trash(house, { id: outer.id, kind: 'folder' });
    await assert.rejects(purge(house, { id: outer.id, kind: 'folder' }), blocked);
    await rename(house, outside, 'elsewhere');
  });

  const id = await copy(watched, { ...large, kind: 'folder' }, { id: house.owner.root_id }, { name: 'copy' });

  assert.equal(tried, 1);
  assert.equal((await rowOf(house, { id })).child_count, 450);
  await purge(house, { id: outer.id, kind: 'folder' });
  assert.deepEqual(await names(house), ['copy', 'elsewhere']);
  await assertCountersRight(house.files.db);
});

const blockedError = Object.assign(new Error('blocked'), { code: 'operation_blocked_temporary' });

test('a copy whose name is taken meanwhile, or whose folder goes, is refused at its end and leaves nothing', async () => {
  await using house = await openHouse();
  const { large } = await largeFolder(house);
  const folder = { ...large, kind: 'folder' as const };
  const to = await house.folder('to');
  const before = (await countRows(house)).items ?? 0;
  const meanwhile = (act: () => Promise<unknown>) =>
    betweenBatches(house, async (batch) => {
      if (batch === 2) await act();
    });

  await assert.rejects(
    copy(
      meanwhile(() => house.folder('LARGE', to.id)),
      folder,
      to,
    ),
    refusal('item_name_in_use'),
  );
  await assert.rejects(
    copy(
      meanwhile(() => trash(house, { ...to, kind: 'folder' })),
      folder,
      to,
      { name: 'b' },
    ),
    refusal('trashed'),
  );
  assert.equal(await sweepTrees(house), 2);

  assert.equal((await countRows(house)).items, before + 1);
  await assertCountersRight(house.files.db);
});

test('a user has two copies under way at most, and a third is told to come again', async () => {
  await using house = await openHouse();
  const { large } = await largeFolder(house);
  const folder = { ...large, kind: 'folder' as const };
  const root = { id: house.owner.root_id };
  let depth = 0;
  const nested: Promise<unknown>[] = [];
  const watched = betweenBatches(house, async (batch) => {
    if (batch > 1) return;
    depth += 1;
    const second = betweenBatches(house, async (its) => {
      if (its > 1) return;
      await assert.rejects(copy(house, folder, root, { name: 'third' }), blocked);
      depth += 1;
    });
    nested.push(copy(second, folder, root, { name: 'second' }));
    await Promise.all(nested);
  });

  await copy(watched, folder, root, { name: 'first' });

  assert.equal(depth, 2);
  assert.deepEqual(await names(house), ['first', 'large', 'second']);
  await assertCountersRight(house.files.db);
});
