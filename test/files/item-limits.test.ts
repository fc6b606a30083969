import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { findFolder } from '../../packages/server/src/files/find.ts';
import { listByMarker } from '../../packages/server/src/files/paging.ts';
import type { Limits } from '../../packages/server/src/limits.ts';
import { type House, openHouse } from './house.ts';
import { addFolders, LARGE, largeFolder, writesOf } from './large-trees.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, copy, fileOf, move, promote, purge, restore, rowOf, trash, versionsOf } from './tree-acts.ts';

async function houseWith(limits: Partial<Limits>): Promise<House> {
  const house = await openHouse();
  Object.assign(house.files.limits, limits);
  return house;
}

/** For assert.rejects: a refusal that names this setting. */
function beyond(env: string, code: string): (error: unknown) => boolean {
  return (error) => {
    const { code: its, context } = error as { code?: string; context?: { limit?: string } };
    return its === code && context?.limit === env;
  };
}

const tooMany = beyond('PARTWAY_MAX_ITEMS', 'storage_limit_exceeded');
const tooDeep = beyond('PARTWAY_MAX_DEPTH', 'operation_limit_exceeded');
const tooLarge = beyond('PARTWAY_MAX_COPY_ITEMS', 'operation_limit_exceeded');
const folderOf = ({ id }: { id: ItemId }) => ({ id, kind: 'folder' as const });

async function countOf({ files, owner }: House): Promise<number> {
  const user = await files.db
    .selectFrom('users')
    .select('item_count')
    .where('id', '=', owner.id)
    .executeTakeFirstOrThrow();
  return user.item_count;
}

test('a user has as many folders and versions as the limit says and not one more, whatever makes them', async () => {
  await using house = await houseWith({ items: 6 });
  const root = { id: house.owner.root_id };
  const folder = await house.folder('folder');
  const file = fileOf(await house.file('a', { parent: folder.id, text: '1' }));
  await addVersion(house, file, '2');
  const [first] = await versionsOf(house, file);
  assert.ok(first);
  await promote(house, file, first.id);
  await copy(house, file, root, { name: 'b' });
  assert.equal(await countOf(house), 5);

  await assert.rejects(copy(house, folderOf(folder), root, { name: 'copy' }), tooMany);
  await house.folder('sixth');
  for (const one of [
    () => house.folder('seventh'),
    () => house.file('seventh'),
    () => addVersion(house, file, '3'),
    () => promote(house, file, first.id),
    () => copy(house, file, root, { name: 'c' }),
    () => copy(house, folderOf(folder), root, { name: 'copy' }),
  ]) {
    await assert.rejects(one(), tooMany, String(one));
  }
  assert.equal(await countOf(house), 6);
  await assertCountersRight(house.files.db);
});

test('the trash counts until it is emptied, and then there is room again', async () => {
  await using house = await houseWith({ items: 3 });
  const folder = folderOf(await house.folder('folder'));
  await house.file('a', { parent: folder.id });
  await house.file('b', { parent: folder.id });

  await trash(house, folder);
  await assert.rejects(house.folder('other'), tooMany);
  await restore(house, folder);
  await trash(house, folder);
  await purge(house, folder);

  assert.equal(await countOf(house), 0);
  await house.folder('other');
  await assertCountersRight(house.files.db);
});

test('of many folders made at once there are as many as the limit says', async () => {
  await using house = await houseWith({ items: 4 });
  const made = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => house.folder(`${n}`)));
  assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 4);
  for (const one of made) if (one.status === 'rejected') assert.ok(tooMany(one.reason));
  await assertCountersRight(house.files.db);
});

test('one copy takes as many items as the limit says; a larger one is refused before a row is written', async () => {
  await using house = await houseWith({ copyItems: LARGE });
  const root = { id: house.owner.root_id };
  const { large } = await largeFolder(house);
  await copy(house, folderOf(large), root, { name: 'copy' });

  await house.folder('one more', large.id);
  const before = await countOf(house);
  const written = await writesOf(house.files, (files) =>
    assert.rejects(copy(house.withFiles(files), folderOf(large), root, { name: 'second' }), tooLarge),
  );
  assert.ok(written.all <= 1, `${written.all} rows`);
  assert.equal(await countOf(house), before);
  await assertCountersRight(house.files.db);
});

/** A chain of folders, the first of which is in the root folder. */
async function chain(house: House, depth: number, name = 'deeper'): Promise<ItemId[]> {
  const ids: ItemId[] = [];
  for (let parent = house.owner.root_id; ids.length < depth; ) {
    parent = (await house.folder(`${name} ${ids.length}`, parent)).id;
    ids.push(parent);
  }
  return ids;
}

test('folders are as deep as the limit says and not one more, by creation, copy, move and restore', async () => {
  await using house = await houseWith({ depth: 5 });
  const down = await chain(house, 5);
  const [top, , , fourth, fifth] = down as [ItemId, ItemId, ItemId, ItemId, ItemId];
  await house.file('a file fits', { parent: fifth });
  await assert.rejects(house.folder('sixth', fifth), tooDeep);

  const [pair] = await chain(house, 2, 'pair');
  assert.ok(pair);
  const two = { id: pair, kind: 'folder' as const };
  for (const act of [copy, move]) await assert.rejects(act(house, two, { id: fourth }), tooDeep);
  await copy(house, two, { id: down[2] as ItemId });
  await assert.rejects(copy(house, { id: top, kind: 'folder' }, { id: pair }), tooDeep);
  await trash(house, two);
  await assert.rejects(restore(house, two, { to: { id: fourth } }), tooDeep);
  await restore(house, two, { to: { id: down[2] as ItemId }, name: 'restored' });
  await assertCountersRight(house.files.db);
});

test('a tree that is deeper than the limit can be listed, moved up, trashed, restored to the root and deleted', async () => {
  await using house = await houseWith({ depth: 20 });
  const down = await chain(house, 20);
  const ids = down as [ItemId, ItemId, ...ItemId[]];
  const last = ids.at(-1) as ItemId;
  await house.file('deep', { parent: last });
  house.files.limits.depth = 4;

  const { entries } = await listByMarker(house.files.db, await rowOf(house, { id: last }), {
    marker: undefined,
    limit: 10,
  });
  assert.equal(entries[0]?.path.length, 21);
  await assert.rejects(house.folder('deeper still', last), tooDeep);
  await move(house, { id: ids[1], kind: 'folder' }, { id: house.owner.root_id });
  await assert.rejects(move(house, { id: ids[1], kind: 'folder' }, { id: ids[0] }), tooDeep);
  const folder = { id: ids[1], kind: 'folder' as const };
  await trash(house, folder);
  await assert.rejects(restore(house, folder, { to: { id: ids[0] } }), tooDeep);
  await restore(house, folder);
  await trash(house, folder);
  await purge(house, folder);

  assert.equal(await findFolder(house.files.db, house.owner.id, last), undefined);
  assert.equal(await countOf(house), 1);
  await assertCountersRight(house.files.db);
});

test('a folder of more folders than one move takes deeper can be moved up, trashed and restored', async () => {
  await using house = await houseWith({ copyItems: 100 });
  const wide = await house.folder('wide');
  await addFolders(house, wide.id, 101);
  const target = await house.folder('target');
  const inTarget = await house.folder('in it', target.id);
  const row = await rowOf(house, wide);

  await assert.rejects(move(house, folderOf(row), inTarget), tooLarge);
  await trash(house, folderOf(row));
  await restore(house, folderOf(row));
  house.files.limits.copyItems = 101;
  await move(house, folderOf(row), inTarget);
  await move(house, folderOf(row), { id: house.owner.root_id });
  await assertCountersRight(house.files.db);
});
