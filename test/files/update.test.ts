import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { updateFile } from '../../packages/server/src/files/update-item.ts';
import { openHouse, refusal } from './house.ts';
import { assertCountersRight } from './recount.ts';
import {
  addVersion,
  copy,
  fileOf,
  move,
  promote,
  purge,
  rename,
  rowOf,
  trash,
  update,
  versionsOf,
} from './tree-acts.ts';

test('a rename keeps the id, counts as a change, and says who made it and when', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  const folder = await house.folder('inbox');
  house.clock.advance(60_000);

  for (const item of [file, folder]) {
    await update(house, item, { name: `new ${item.kind}`, description: 'said' });

    const row = await rowOf(house, item);
    assert.deepEqual([row.name, row.name_key, row.description], [`new ${item.kind}`, `new ${item.kind}`, 'said']);
    assert.deepEqual([row.etag, row.modified_at, row.modified_by], [1, house.clock.now(), house.owner.id]);
    assert.equal(row.created_at, house.clock.now() - 60_000);
  }
});

test('what changes nothing leaves the etag', async () => {
  await using house = await openHouse();
  const folder = await house.folder('inbox');

  await update(house, folder, {});
  await update(house, folder, { name: 'inbox', description: '', folderId: house.owner.root_id });

  assert.equal((await rowOf(house, folder)).etag, 0);
});

test('a name is held against its siblings, but not against itself', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  const folder = await house.folder('inbox');

  await rename(house, file, 'A.TXT');
  await assert.rejects(rename(house, file, 'INBOX'), refusal('item_name_in_use'));
  await assert.rejects(rename(house, folder, 'a.txt'), refusal('item_name_in_use'));
  await assert.rejects(rename(house, folder, 'a/b'), refusal('item_name_invalid'));
  await assert.rejects(rename(house, file, 'x'.repeat(256)), refusal('item_name_too_long'));
  assert.equal((await rowOf(house, file)).name, 'A.TXT');
});

test('a move takes an item to another folder, with its new name at once, and the counters follow', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt', { text: '12345' }));
  const [from, to] = [await house.folder('from'), await house.folder('to')];
  const inner = await house.folder('inner', from.id);

  await move(house, file, inner);
  await assertCountersRight(house.files.db);
  await update(house, inner, { folderId: to.id, name: 'moved' });

  await assertCountersRight(house.files.db);
  assert.equal((await rowOf(house, to)).size, 5);
  assert.deepEqual((await rowOf(house, inner)).parent_id, to.id);
  await house.folder('inner', from.id);
});

test('a move into a folder where the name is taken changes nothing', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  const folder = await house.folder('folder');
  await house.file('A.txt', { parent: folder.id });

  await assert.rejects(move(house, file, folder), refusal('item_name_in_use'));

  assert.deepEqual([(await rowOf(house, file)).parent_id, (await rowOf(house, file)).etag], [house.owner.root_id, 0]);
  await assertCountersRight(house.files.db);
});

test('a folder goes neither into itself nor below itself', async () => {
  await using house = await openHouse();
  const outer = await house.folder('outer');
  const inner = await house.folder('inner', outer.id);

  for (const to of [outer, inner]) {
    await assert.rejects(move(house, outer, to), refusal('cyclical_folder_structure'));
    await assert.rejects(copy(house, outer, to), refusal('cyclical_folder_structure'));
  }
  await move(house, inner, outer);
});

test('the root stays what it is', async () => {
  await using house = await openHouse();
  const folder = await house.folder('folder');
  const root = { id: house.owner.root_id, kind: 'folder' as const };

  for (const act of [
    () => rename(house, root, 'mine'),
    () => move(house, root, folder),
    () => copy(house, root, folder),
    () => trash(house, root),
  ]) {
    await assert.rejects(act, refusal('access_denied_insufficient_permissions'));
  }
  await assert.rejects(purge(house, root), refusal('not_trashed'));
});

test('an item is changed in the state that was named, and only by its owner', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  const folder = await house.folder('folder');
  const by = house.stranger;

  for (const item of [file, folder]) {
    await assert.rejects(update(house, item, { name: 'b' }, { ifMatch: '1' }), refusal('precondition_failed'));
    await assert.rejects(update(house, item, { name: 'b' }, { by }), refusal('not_found'));
    await assert.rejects(copy(house, item, { id: by.root_id }, { by }), refusal('not_found'));
    await assert.rejects(move(house, item, { id: by.root_id }), refusal('not_found'));
    await assert.rejects(copy(house, item, { id: by.root_id }), refusal('not_found'));
    await update(house, item, { description: 'b' }, { ifMatch: '"0"' });
  }
  const gone = { id: 12_345 as ItemId, kind: 'file' as const };
  await assert.rejects(rename(house, gone, 'b'), refusal('not_found'));
  await assert.rejects(update(house, gone, { name: 'b' }, { ifMatch: '0' }), refusal('precondition_failed'));
});

test('what is in the trash is neither changed nor taken as a place', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  const gone = await house.folder('gone');
  await trash(house, gone);

  await assert.rejects(rename(house, gone, 'b'), refusal('trashed'));
  await assert.rejects(move(house, file, gone), refusal('trashed'));
  await assert.rejects(copy(house, file, gone), refusal('trashed'));
  await assert.rejects(copy(house, gone, { id: house.owner.root_id }), refusal('trashed'));
});

test('a file keeps the dates that its owner gives its content', async () => {
  await using house = await openHouse();
  const { fileId } = await house.file('a.txt');
  const change = { contentCreatedAt: 5_000, contentModifiedAt: 6_000 };

  await updateFile(house.files, { caller: house.owner.id, fileId, ifMatch: undefined, change });

  const row = await rowOf(house, { id: fileId });
  assert.deepEqual([row.content_created_at, row.content_modified_at, row.etag], [5_000, 6_000, 1]);
});

test('a version keeps the name that its file had in its time, and brings it back when it is promoted', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('first'));
  await rename(house, file, 'renamed');
  await addVersion(house, file, 'next');
  await rename(house, file, 'later');
  const [first] = await versionsOf(house, file);
  assert.ok(first);

  await promote(house, file, first.id);

  assert.deepEqual(
    (await versionsOf(house, file)).map(({ name }) => name),
    ['renamed', 'later', 'renamed'],
  );
  assert.equal((await rowOf(house, file)).name, 'renamed');
});
