import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Direction,
  listTrashByMarker,
  listTrashByOffset,
  type PageCursor,
  type SortBy,
} from '../../packages/server/src/files/paging.ts';
import { type House, openHouse, refusal } from './house.ts';
import { assertCountersRight } from './recount.ts';
import { fileOf, purge, rename, restore, rowOf, trash } from './tree-acts.ts';

async function names(house: House, by: SortBy = 'name', direction: Direction = 'asc'): Promise<string[]> {
  const page = { offset: 0, limit: 100, order: { by, direction } };
  const { entries, total } = await listTrashByOffset(house.files.db, house.owner.id, page);
  assert.equal(total, entries.length);
  return entries.map(({ item }) => item.name);
}

test('the trash lists what was put there, but not what went along with it, in every order', async () => {
  await using house = await openHouse();
  const folder = await house.folder('folder');
  await house.file('along', { parent: folder.id });
  const files = [];
  for (const [name, text] of [
    ['b', 'xxx'],
    ['a', 'xx'],
    ['c', 'x'],
  ] as const) {
    files.push(fileOf(await house.file(name, { text })));
  }
  for (const item of [folder, ...files]) {
    house.clock.advance(1000);
    await trash(house, item);
  }

  assert.deepEqual(await names(house), ['folder', 'a', 'b', 'c']);
  assert.deepEqual(await names(house, 'name', 'desc'), ['folder', 'c', 'b', 'a']);
  assert.deepEqual(await names(house, 'date'), ['folder', 'b', 'a', 'c']);
  assert.deepEqual(await names(house, 'size'), ['folder', 'c', 'a', 'b']);
  const walked: string[] = [];
  let marker: PageCursor | undefined;
  do {
    const page = await listTrashByMarker(house.files.db, house.owner.id, { marker, limit: 1 });
    walked.push(...page.entries.map(({ item }) => item.name));
    marker = page.next;
  } while (marker !== undefined);
  assert.deepEqual(walked, await names(house));
  const { entries } = await listTrashByMarker(house.files.db, house.stranger.id, { marker: undefined, limit: 9 });
  assert.deepEqual(entries, []);
});

test('an item comes back to where it was, and all that went along with it', async () => {
  await using house = await openHouse();
  const outer = await house.folder('outer');
  const inner = await house.folder('inner', outer.id);
  const deep = fileOf(await house.file('deep', { parent: inner.id }));
  const before = fileOf(await house.file('before', { parent: inner.id }));
  await trash(house, before);
  await trash(house, outer);

  await restore(house, outer);

  for (const item of [outer, inner, deep]) assert.equal((await rowOf(house, item)).trashed_at, null);
  assert.deepEqual(await names(house), ['before']);
  assert.equal((await rowOf(house, outer)).etag, 2);
  await restore(house, before);
  await assertCountersRight(house.files.db);
});

test('an item comes back under another name or to another folder where it says so', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  await trash(house, file);
  await house.file('A.TXT');
  const folder = await house.folder('folder');

  await assert.rejects(restore(house, file), refusal('item_name_in_use'));
  await assert.rejects(restore(house, file, { name: 'a/b' }), refusal('item_name_invalid'));
  assert.equal((await rowOf(house, file)).trashed_with, file.id);
  await restore(house, file, { name: 'b.txt' });
  await trash(house, file);
  await restore(house, file, { to: folder });

  const row = await rowOf(house, file);
  assert.deepEqual([row.name, row.parent_id], ['b.txt', folder.id]);
  await assertCountersRight(house.files.db);
});

test('an item whose folder is in the trash needs another one to come back to', async () => {
  await using house = await openHouse();
  const folder = await house.folder('folder');
  const file = fileOf(await house.file('a.txt', { parent: folder.id }));
  const along = fileOf(await house.file('b.txt', { parent: folder.id }));
  await trash(house, file);
  await trash(house, folder);

  await assert.rejects(restore(house, file), refusal('trashed'));
  await assert.rejects(restore(house, file, { to: folder }), refusal('trashed'));
  await restore(house, file, { to: { id: house.owner.root_id } });
  for (const act of [restore, purge]) await assert.rejects(act(house, along), refusal('trashed'));
  await assertCountersRight(house.files.db);
});

test('only what is in the trash leaves it, and only by its owner', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  const folder = await house.folder('folder');
  const by = house.stranger;

  for (const item of [file, folder]) {
    for (const act of [restore, purge]) {
      await assert.rejects(act(house, item), refusal('not_trashed'));
      await assert.rejects(act(house, item, { by }), refusal('not_found'));
    }
    await trash(house, item);
    for (const act of [restore, purge]) await assert.rejects(act(house, item, { by }), refusal('not_found'));
    await assert.rejects(restore(house, item, { to: { id: by.root_id } }), refusal('not_found'));
  }
  await assert.rejects(restore(house, { ...file, kind: 'folder' }), refusal('not_found'));
});

test('a folder deleted for good takes along what went with it; the rest of the trash stays, and returns to the root', async () => {
  await using house = await openHouse();
  const outer = await house.folder('outer');
  const inner = await house.folder('inner', outer.id);
  await house.file('deep', { parent: inner.id });
  const before = await house.folder('before', inner.id);
  const kept = fileOf(await house.file('kept', { parent: before.id }));
  await trash(house, before);
  await trash(house, outer);

  await purge(house, outer);

  assert.deepEqual(await names(house), ['before']);
  assert.equal((await house.stored()).length, 1);
  await assert.rejects(restore(house, outer), refusal('not_found'));
  await restore(house, before);
  assert.equal((await rowOf(house, before)).parent_id, house.owner.root_id);
  await rename(house, kept, 'still there');
  await assertCountersRight(house.files.db);
});
