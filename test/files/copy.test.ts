import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyFile } from '../../packages/server/src/files/copy/copy-file.ts';
import { describeFile } from '../../packages/server/src/files/find.ts';
import { listByMarker } from '../../packages/server/src/files/paging.ts';
import { trashVersion } from '../../packages/server/src/files/versions.ts';
import { collect } from '../conformance/blob-samples.ts';
import { errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, asFile, copy, purge, readRow, readVersions, rename, trash } from './tree-steps.ts';

async function readText({ files }: FilesFixture, id: ReturnType<typeof asFile>['id']): Promise<string> {
  const entry = await describeFile(files.db, id);
  assert.ok(entry);
  return Buffer.concat(await collect(await files.blobs.read(entry.version.blob_id))).toString();
}

test('a copy of a file is an independent file that shares its bytes', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt', { text: 'bytes' }));
  await addVersion(fixture, file, 'newer');
  const folder = await fixture.folder('folder');

  const copied = { id: await copy(fixture, file, folder), kind: 'file' as const };

  assert.equal(await readText(fixture, copied.id), 'newer');
  assert.equal((await fixture.listBlobs()).length, 2);
  const row = await readRow(fixture, copied);
  assert.deepEqual([row.name, row.etag, row.parent_id], ['a.txt', 0, folder.id]);
  assert.deepEqual(
    (await readVersions(fixture, copied)).map(({ number, name }) => [number, name]),
    [[1, 'a.txt']],
  );
  await assertCountersRight(fixture.files.db);
});

test('an earlier version can be copied, with a new name', async () => {
  await using fixture = await openFilesFixture();
  const { fileId, versionId } = await fixture.file('a.txt', { text: 'first' });
  await addVersion(fixture, { id: fileId }, 'second');
  const to = { folderId: fixture.owner.root_id, name: 'b.txt' };

  const copied = await copyFile(fixture.files, { caller: fixture.owner.id, fileId, versionId, to });

  assert.equal(await readText(fixture, copied), 'first');
  const gone = { caller: fixture.owner.id, fileId, versionId };
  await trashVersion(fixture.files, gone);
  await assert.rejects(copyFile(fixture.files, { ...gone, to: { ...to, name: 'c' } }), errorWithCode('trashed'));
});

test('a copy whose name is in use is rejected, so a copy beside its original needs another name', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  const folder = await fixture.folder('folder');
  const root = { id: fixture.owner.root_id };

  await assert.rejects(copy(fixture, file, root), errorWithCode('name-in-use'));
  await assert.rejects(copy(fixture, file, root, { name: 'FOLDER' }), errorWithCode('name-in-use'));
  await assert.rejects(copy(fixture, folder, root), errorWithCode('name-in-use'));
  await assert.rejects(copy(fixture, folder, root, { name: 'a ' }), errorWithCode('name-invalid'));
  await assertCountersRight(fixture.files.db);
});

test('a copy of a folder has all of its contents, and later changes to either do not affect the other', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  await fixture.folder('empty', inner.id);
  const deep = asFile(await fixture.file('deep.txt', { parent: inner.id }));
  await addVersion(fixture, deep, 'newer');
  const left = asFile(await fixture.file('left.txt', { parent: outer.id }));
  await trash(fixture, left);

  const copied = await copy(fixture, outer, { id: fixture.owner.root_id }, { name: 'copy' });
  await rename(fixture, deep, 'renamed.txt');

  assert.deepEqual(await draw(fixture, copied), { inner: { empty: {}, 'deep.txt': 'newer' } });
  assert.deepEqual(await draw(fixture, outer.id), { inner: { empty: {}, 'renamed.txt': 'newer' } });
  assert.equal((await fixture.listBlobs()).length, 3);
  await assertCountersRight(fixture.files.db);
});

test('a folder with more items than fit into one statement is copied completely', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  const { fileId } = await fixture.file('first', { parent: folder.id });
  const row = await readRow(fixture, { id: fileId });
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

  const copied = await copy(fixture, folder, { id: fixture.owner.root_id }, { name: 'copy' });

  assert.equal((await readRow(fixture, { id: copied })).child_count, 1101);
  await assertCountersRight(fixture.files.db);
});

test('bytes are kept until the last file that references them is deleted permanently', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt', { text: 'bytes' }));
  const folder = await fixture.folder('folder');
  const copied = { id: await copy(fixture, file, folder), kind: 'file' as const };

  await trash(fixture, file);
  await purge(fixture, file);
  assert.equal(await readText(fixture, copied.id), 'bytes');

  await trash(fixture, folder);
  await purge(fixture, folder);
  assert.deepEqual(await fixture.listBlobs(), []);
  await assertCountersRight(fixture.files.db);
});

type Drawing = { [name: string]: Drawing | string };

async function draw(fixture: FilesFixture, id: ReturnType<typeof asFile>['id']): Promise<Drawing> {
  const folder = await readRow(fixture, { id });
  const { entries } = await listByMarker(fixture.files.db, folder, { marker: undefined, limit: 1000 });
  const drawing: Drawing = {};
  for (const { item } of entries) {
    drawing[item.name] = item.kind === 'folder' ? await draw(fixture, item.id) : await readText(fixture, item.id);
  }
  return drawing;
}
