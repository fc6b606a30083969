import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyFile } from '../../packages/server/src/files/copy/copy-file.ts';
import { describeFile } from '../../packages/server/src/files/find.ts';
import { listByMarker } from '../../packages/server/src/files/paging.ts';
import { trashVersion } from '../../packages/server/src/files/versions.ts';
import { collect } from '../conformance/content-samples.ts';
import { type FilesFixture, openFilesFixture, refusal } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, copy, fileOf, purge, rename, rowOf, trash, versionsOf } from './tree-steps.ts';

async function textOf({ files }: FilesFixture, id: ReturnType<typeof fileOf>['id']): Promise<string> {
  const entry = await describeFile(files.db, id);
  assert.ok(entry);
  return Buffer.concat(await collect(await files.blobs.read(entry.version.blob_id))).toString();
}

test('a copy of a file is a file of its own with the same bytes, of which there are no more than before', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt', { text: 'bytes' }));
  await addVersion(fixture, file, 'newer');
  const folder = await fixture.folder('folder');

  const made = { id: await copy(fixture, file, folder), kind: 'file' as const };

  assert.equal(await textOf(fixture, made.id), 'newer');
  assert.equal((await fixture.stored()).length, 2);
  const row = await rowOf(fixture, made);
  assert.deepEqual([row.name, row.etag, row.parent_id], ['a.txt', 0, folder.id]);
  assert.deepEqual(
    (await versionsOf(fixture, made)).map(({ number, name }) => [number, name]),
    [[1, 'a.txt']],
  );
  await assertCountersRight(fixture.files.db);
});

test('a copy can be of a past version, under a new name', async () => {
  await using fixture = await openFilesFixture();
  const { fileId, versionId } = await fixture.file('a.txt', { text: 'first' });
  await addVersion(fixture, { id: fileId }, 'second');
  const to = { folderId: fixture.owner.root_id, name: 'b.txt' };

  const made = await copyFile(fixture.files, { caller: fixture.owner.id, fileId, versionId, to });

  assert.equal(await textOf(fixture, made), 'first');
  const gone = { caller: fixture.owner.id, fileId, versionId };
  await trashVersion(fixture.files, gone);
  await assert.rejects(copyFile(fixture.files, { ...gone, to: { ...to, name: 'c' } }), refusal('trashed'));
});

test('a copy is refused where its name is taken, and needs another one beside its original', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  const folder = await fixture.folder('folder');
  const root = { id: fixture.owner.root_id };

  await assert.rejects(copy(fixture, file, root), refusal('name-in-use'));
  await assert.rejects(copy(fixture, file, root, { name: 'FOLDER' }), refusal('name-in-use'));
  await assert.rejects(copy(fixture, folder, root), refusal('name-in-use'));
  await assert.rejects(copy(fixture, folder, root, { name: 'a ' }), refusal('name-invalid'));
  await assertCountersRight(fixture.files.db);
});

test('a copy of a folder has all that was in it, and changes to either leave the other', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  await fixture.folder('empty', inner.id);
  const deep = fileOf(await fixture.file('deep.txt', { parent: inner.id }));
  await addVersion(fixture, deep, 'newer');
  const left = fileOf(await fixture.file('left.txt', { parent: outer.id }));
  await trash(fixture, left);

  const made = await copy(fixture, outer, { id: fixture.owner.root_id }, { name: 'copy' });
  await rename(fixture, deep, 'renamed.txt');

  assert.deepEqual(await drawn(fixture, made), { inner: { empty: {}, 'deep.txt': 'newer' } });
  assert.deepEqual(await drawn(fixture, outer.id), { inner: { empty: {}, 'renamed.txt': 'newer' } });
  assert.equal((await fixture.stored()).length, 3);
  await assertCountersRight(fixture.files.db);
});

test('a folder of more items than a statement takes is copied whole', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  const { fileId } = await fixture.file('first', { parent: folder.id });
  const row = await rowOf(fixture, { id: fileId });
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
    await fixture.files.db.insertInto('items').values(half).execute();
  }
  await fixture.files.db.updateTable('items').set({ child_count: 1101 }).where('id', '=', folder.id).execute();
  await fixture.files.db.updateTable('users').set({ item_count: 1102 }).where('id', '=', fixture.owner.id).execute();

  const made = await copy(fixture, folder, { id: fixture.owner.root_id }, { name: 'copy' });

  assert.equal((await rowOf(fixture, { id: made })).child_count, 1101);
  await assertCountersRight(fixture.files.db);
});

test('bytes stay until the last file that names them is deleted for good', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt', { text: 'bytes' }));
  const folder = await fixture.folder('folder');
  const made = { id: await copy(fixture, file, folder), kind: 'file' as const };

  await trash(fixture, file);
  await purge(fixture, file);
  assert.equal(await textOf(fixture, made.id), 'bytes');

  await trash(fixture, folder);
  await purge(fixture, folder);
  assert.deepEqual(await fixture.stored(), []);
  await assertCountersRight(fixture.files.db);
});

type Drawn = { [name: string]: Drawn | string };

async function drawn(fixture: FilesFixture, id: ReturnType<typeof fileOf>['id']): Promise<Drawn> {
  const folder = await rowOf(fixture, { id });
  const { entries } = await listByMarker(fixture.files.db, folder, { marker: undefined, limit: 1000 });
  const made: Drawn = {};
  for (const { item } of entries) {
    made[item.name] = item.kind === 'folder' ? await drawn(fixture, item.id) : await textOf(fixture, item.id);
  }
  return made;
}
