import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { findFolder } from '../../packages/server/src/files/find.ts';
import { listByMarker } from '../../packages/server/src/files/paging.ts';
import type { Limits } from '../../packages/server/src/limits.ts';
import { type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { addFolders, LARGE, largeFolder, writesOf } from './large-trees.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, copy, fileOf, move, promote, purge, restore, rowOf, trash, versionsOf } from './tree-steps.ts';

async function houseWith(limits: Partial<Limits>): Promise<FilesFixture> {
  const fixture = await openFilesFixture();
  Object.assign(fixture.files.limits, limits);
  return fixture;
}

/** For assert.rejects: a refusal that names this setting. */
function beyond(env: string, code: string): (error: unknown) => boolean {
  return (error) => {
    const { code: its, context } = error as { code?: string; context?: { limit?: string } };
    return its === code && context?.limit === env;
  };
}

const tooMany = beyond('PARTWAY_MAX_ITEMS', 'quota-exceeded');
const tooDeep = beyond('PARTWAY_MAX_DEPTH', 'limit-exceeded');
const tooLarge = beyond('PARTWAY_MAX_COPY_ITEMS', 'limit-exceeded');
const folderOf = ({ id }: { id: ItemId }) => ({ id, kind: 'folder' as const });

async function countOf({ files, owner }: FilesFixture): Promise<number> {
  const user = await files.db
    .selectFrom('users')
    .select('item_count')
    .where('id', '=', owner.id)
    .executeTakeFirstOrThrow();
  return user.item_count;
}

test('a user has as many folders and versions as the limit says and not one more, whatever makes them', async () => {
  await using fixture = await houseWith({ items: 6 });
  const root = { id: fixture.owner.root_id };
  const folder = await fixture.folder('folder');
  const file = fileOf(await fixture.file('a', { parent: folder.id, text: '1' }));
  await addVersion(fixture, file, '2');
  const [first] = await versionsOf(fixture, file);
  assert.ok(first);
  await promote(fixture, file, first.id);
  await copy(fixture, file, root, { name: 'b' });
  assert.equal(await countOf(fixture), 5);

  await assert.rejects(copy(fixture, folderOf(folder), root, { name: 'copy' }), tooMany);
  await fixture.folder('sixth');
  for (const one of [
    () => fixture.folder('seventh'),
    () => fixture.file('seventh'),
    () => addVersion(fixture, file, '3'),
    () => promote(fixture, file, first.id),
    () => copy(fixture, file, root, { name: 'c' }),
    () => copy(fixture, folderOf(folder), root, { name: 'copy' }),
  ]) {
    await assert.rejects(one(), tooMany, String(one));
  }
  assert.equal(await countOf(fixture), 6);
  await assertCountersRight(fixture.files.db);
});

test('the trash counts until it is emptied, and then there is room again', async () => {
  await using fixture = await houseWith({ items: 3 });
  const folder = folderOf(await fixture.folder('folder'));
  await fixture.file('a', { parent: folder.id });
  await fixture.file('b', { parent: folder.id });

  await trash(fixture, folder);
  await assert.rejects(fixture.folder('other'), tooMany);
  await restore(fixture, folder);
  await trash(fixture, folder);
  await purge(fixture, folder);

  assert.equal(await countOf(fixture), 0);
  await fixture.folder('other');
  await assertCountersRight(fixture.files.db);
});

test('of many folders made at once there are as many as the limit says', async () => {
  await using fixture = await houseWith({ items: 4 });
  const made = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => fixture.folder(`${n}`)));
  assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 4);
  for (const one of made) if (one.status === 'rejected') assert.ok(tooMany(one.reason));
  await assertCountersRight(fixture.files.db);
});

test('one copy takes as many items as the limit says; a larger one is refused before a row is written', async () => {
  await using fixture = await houseWith({ copyItems: LARGE });
  const root = { id: fixture.owner.root_id };
  const { large } = await largeFolder(fixture);
  await copy(fixture, folderOf(large), root, { name: 'copy' });

  await fixture.folder('one more', large.id);
  const before = await countOf(fixture);
  const written = await writesOf(fixture.files, (files) =>
    assert.rejects(copy(fixture.withFiles(files), folderOf(large), root, { name: 'second' }), tooLarge),
  );
  assert.ok(written.all <= 1, `${written.all} rows`);
  assert.equal(await countOf(fixture), before);
  await assertCountersRight(fixture.files.db);
});

/** A chain of folders, the first of which is in the root folder. */
async function chain(fixture: FilesFixture, depth: number, name = 'deeper'): Promise<ItemId[]> {
  const ids: ItemId[] = [];
  for (let parent = fixture.owner.root_id; ids.length < depth; ) {
    parent = (await fixture.folder(`${name} ${ids.length}`, parent)).id;
    ids.push(parent);
  }
  return ids;
}

test('folders are as deep as the limit says and not one more, by creation, copy, move and restore', async () => {
  await using fixture = await houseWith({ depth: 5 });
  const down = await chain(fixture, 5);
  const [top, , , fourth, fifth] = down as [ItemId, ItemId, ItemId, ItemId, ItemId];
  await fixture.file('a file fits', { parent: fifth });
  await assert.rejects(fixture.folder('sixth', fifth), tooDeep);

  const [pair] = await chain(fixture, 2, 'pair');
  assert.ok(pair);
  const two = { id: pair, kind: 'folder' as const };
  for (const act of [copy, move]) await assert.rejects(act(fixture, two, { id: fourth }), tooDeep);
  await copy(fixture, two, { id: down[2] as ItemId });
  await assert.rejects(copy(fixture, { id: top, kind: 'folder' }, { id: pair }), tooDeep);
  await trash(fixture, two);
  await assert.rejects(restore(fixture, two, { to: { id: fourth } }), tooDeep);
  await restore(fixture, two, { to: { id: down[2] as ItemId }, name: 'restored' });
  await assertCountersRight(fixture.files.db);
});

test('a tree that is deeper than the limit can be listed, moved up, trashed, restored to the root and deleted', async () => {
  await using fixture = await houseWith({ depth: 20 });
  const down = await chain(fixture, 20);
  const ids = down as [ItemId, ItemId, ...ItemId[]];
  const last = ids.at(-1) as ItemId;
  await fixture.file('deep', { parent: last });
  fixture.files.limits.depth = 4;

  const { entries } = await listByMarker(fixture.files.db, await rowOf(fixture, { id: last }), {
    marker: undefined,
    limit: 10,
  });
  assert.equal(entries[0]?.path.length, 21);
  await assert.rejects(fixture.folder('deeper still', last), tooDeep);
  await move(fixture, { id: ids[1], kind: 'folder' }, { id: fixture.owner.root_id });
  await assert.rejects(move(fixture, { id: ids[1], kind: 'folder' }, { id: ids[0] }), tooDeep);
  const folder = { id: ids[1], kind: 'folder' as const };
  await trash(fixture, folder);
  await assert.rejects(restore(fixture, folder, { to: { id: ids[0] } }), tooDeep);
  await restore(fixture, folder);
  await trash(fixture, folder);
  await purge(fixture, folder);

  assert.equal(await findFolder(fixture.files.db, fixture.owner.id, last), undefined);
  assert.equal(await countOf(fixture), 1);
  await assertCountersRight(fixture.files.db);
});

test('a folder of more folders than one move takes deeper can be moved up, trashed and restored', async () => {
  await using fixture = await houseWith({ copyItems: 100 });
  const wide = await fixture.folder('wide');
  await addFolders(fixture, wide.id, 101);
  const target = await fixture.folder('target');
  const inTarget = await fixture.folder('in it', target.id);
  const row = await rowOf(fixture, wide);

  await assert.rejects(move(fixture, folderOf(row), inTarget), tooLarge);
  await trash(fixture, folderOf(row));
  await restore(fixture, folderOf(row));
  fixture.files.limits.copyItems = 101;
  await move(fixture, folderOf(row), inTarget);
  await move(fixture, folderOf(row), { id: fixture.owner.root_id });
  await assertCountersRight(fixture.files.db);
});
