import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyFile } from '../../packages/server/src/files/copy/copy-file.ts';
import { describeFile } from '../../packages/server/src/files/find.ts';
import { listByMarker } from '../../packages/server/src/files/paging.ts';
import { trashVersion } from '../../packages/server/src/files/versions.ts';
import { collect } from '../conformance/content-samples.ts';
import { type House, openHouse, refusal } from './house.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, copy, fileOf, purge, rename, rowOf, trash, versionsOf } from './tree-acts.ts';

async function textOf({ files }: House, id: ReturnType<typeof fileOf>['id']): Promise<string> {
  const entry = await describeFile(files.db, id);
  assert.ok(entry);
  return Buffer.concat(await collect(await files.blobs.read(entry.version.content_id))).toString();
}

test('a copy of a file is a file of its own with the same bytes, of which there are no more than before', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt', { text: 'bytes' }));
  await addVersion(house, file, 'newer');
  const folder = await house.folder('folder');

  const made = { id: await copy(house, file, folder), kind: 'file' as const };

  assert.equal(await textOf(house, made.id), 'newer');
  assert.equal((await house.stored()).length, 2);
  const row = await rowOf(house, made);
  assert.deepEqual([row.name, row.etag, row.parent_id], ['a.txt', 0, folder.id]);
  assert.deepEqual(
    (await versionsOf(house, made)).map(({ number, name }) => [number, name]),
    [[1, 'a.txt']],
  );
  await assertCountersRight(house.files.db);
});

test('a copy can be of a past version, under a new name', async () => {
  await using house = await openHouse();
  const { fileId, versionId } = await house.file('a.txt', { text: 'first' });
  await addVersion(house, { id: fileId }, 'second');
  const to = { folderId: house.owner.root_id, name: 'b.txt' };

  const made = await copyFile(house.files, { caller: house.owner.id, fileId, versionId, to });

  assert.equal(await textOf(house, made), 'first');
  const gone = { caller: house.owner.id, fileId, versionId };
  await trashVersion(house.files, gone);
  await assert.rejects(copyFile(house.files, { ...gone, to: { ...to, name: 'c' } }), refusal('trashed'));
});

test('a copy is refused where its name is taken, and needs another one beside its original', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  const folder = await house.folder('folder');
  const root = { id: house.owner.root_id };

  await assert.rejects(copy(house, file, root), refusal('item_name_in_use'));
  await assert.rejects(copy(house, file, root, { name: 'FOLDER' }), refusal('item_name_in_use'));
  await assert.rejects(copy(house, folder, root), refusal('item_name_in_use'));
  await assert.rejects(copy(house, folder, root, { name: 'a ' }), refusal('item_name_invalid'));
  await assertCountersRight(house.files.db);
});

test('a copy of a folder has all that was in it, and changes to either leave the other', async () => {
  await using house = await openHouse();
  const outer = await house.folder('outer');
  const inner = await house.folder('inner', outer.id);
  await house.folder('empty', inner.id);
  const deep = fileOf(await house.file('deep.txt', { parent: inner.id }));
  await addVersion(house, deep, 'newer');
  const left = fileOf(await house.file('left.txt', { parent: outer.id }));
  await trash(house, left);

  const made = await copy(house, outer, { id: house.owner.root_id }, { name: 'copy' });
  await rename(house, deep, 'renamed.txt');

  assert.deepEqual(await drawn(house, made), { inner: { empty: {}, 'deep.txt': 'newer' } });
  assert.deepEqual(await drawn(house, outer.id), { inner: { empty: {}, 'renamed.txt': 'newer' } });
  assert.equal((await house.stored()).length, 3);
  await assertCountersRight(house.files.db);
});

test('a folder of more items than a statement takes is copied whole', async () => {
  await using house = await openHouse();
  const folder = await house.folder('folder');
  const { fileId } = await house.file('first', { parent: folder.id });
  const row = await rowOf(house, { id: fileId });
  const many = Array.from({ length: 1100 }, (_, n) => {
    const name = `${n % 2 === 0 ? 'folder' : 'other'} ${n}`;
    return {
      ...row,
      id: (n + 1) as typeof fileId,
      kind: 'folder' as const,
      version_id: null,
      size: 0,
      name,
      name_key: name,
    };
  });
  for (const half of [many.slice(0, 550), many.slice(550)]) {
    await house.files.db.insertInto('items').values(half).execute();
  }
  await house.files.db.updateTable('items').set({ child_count: 1101 }).where('id', '=', folder.id).execute();
  await house.files.db.updateTable('users').set({ item_count: 1102 }).where('id', '=', house.owner.id).execute();

  const made = await copy(house, folder, { id: house.owner.root_id }, { name: 'copy' });

  assert.equal((await rowOf(house, { id: made })).child_count, 1101);
  await assertCountersRight(house.files.db);
});

test('bytes stay until the last file that names them is deleted for good', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt', { text: 'bytes' }));
  const folder = await house.folder('folder');
  const made = { id: await copy(house, file, folder), kind: 'file' as const };

  await trash(house, file);
  await purge(house, file);
  assert.equal(await textOf(house, made.id), 'bytes');

  await trash(house, folder);
  await purge(house, folder);
  assert.deepEqual(await house.stored(), []);
  await assertCountersRight(house.files.db);
});

type Drawn = { [name: string]: Drawn | string };

async function drawn(house: House, id: ReturnType<typeof fileOf>['id']): Promise<Drawn> {
  const folder = await rowOf(house, { id });
  const { entries } = await listByMarker(house.files.db, folder, { marker: undefined, limit: 1000 });
  const made: Drawn = {};
  for (const { item } of entries) {
    made[item.name] = item.kind === 'folder' ? await drawn(house, item.id) : await textOf(house, item.id);
  }
  return made;
}
