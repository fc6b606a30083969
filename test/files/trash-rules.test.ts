import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { findItem, folderMini } from '../../packages/server/src/files/find.ts';
import { trashFolder } from '../../packages/server/src/files/trash.ts';
import { errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { asFile, copy, move, readRow, restore, trash } from './tree-steps.ts';

const tooDeep = (error: unknown) => (error as { context?: { limit?: string } }).context?.limit === 'PARTWAY_MAX_DEPTH';
const folderOf = ({ id }: { id: ItemId }) => ({ id, kind: 'folder' as const });

/** A fixture in which folders can be nested this deep. */
async function openWithDepth(depth: number): Promise<FilesFixture> {
  const fixture = await openFilesFixture();
  fixture.files.limits.depth = depth;
  return fixture;
}

test('an empty folder goes to the trash without recursive, and one with a single item does not', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const folder = await fixture.folder('folder');
  const file = asFile(await fixture.file('a', { parent: folder.id }));
  const request = { caller: owner.id, folderId: folder.id, recursive: false, ifMatch: undefined };
  await assert.rejects(trashFolder(files, request), errorWithCode('folder-not-empty'));
  await trash(fixture, file);
  await trashFolder(files, request);
  assert.equal((await readRow(fixture, folder)).trashed_with, folder.id);
  await assertCountersRight(files.db);
});

test('the depth of an item is the number of its parent folders', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  const file = asFile(await fixture.file('a', { parent: inner.id }));
  const depthOf = async ({ id, kind }: { id: ItemId; kind: 'file' | 'folder' }) =>
    (await findItem(files.db, { kind, owner: owner.id, id }))?.depth;
  const root = { id: owner.root_id, kind: 'folder' as const };
  assert.deepEqual([await depthOf(root), await depthOf(folderOf(outer)), await depthOf(file)], [0, 1, 3]);
  await trash(fixture, folderOf(outer));
  assert.deepEqual([await depthOf(folderOf(outer)), await depthOf(file)], [0, 2]);
});

test('only a root folder has the ID 0 and no etag', () => {
  const item = { id: 7 as ItemId, name: 'a', etag: 3 };
  assert.deepEqual(folderMini({ ...item, parent_id: null }), {
    type: 'folder',
    id: '0',
    sequence_id: null,
    etag: null,
    name: 'a',
  });
  const inner = folderMini({ ...item, parent_id: 1 as ItemId });
  assert.deepEqual([inner.id, inner.etag, inner.sequence_id], ['7', '3', '3']);
});

test('files can be moved, copied and restored into the deepest folder', async () => {
  await using fixture = await openWithDepth(2);
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  const file = asFile(await fixture.file('a'));
  await copy(fixture, file, inner, { name: 'copy' });
  await move(fixture, file, inner);
  await trash(fixture, file);
  await restore(fixture, file);
  await assert.rejects(fixture.folder('deeper', inner.id), tooDeep);
});

test('a folder of files alone has no height', async () => {
  await using fixture = await openWithDepth(2);
  const outer = await fixture.folder('outer');
  const folder = await fixture.folder('folder');
  await fixture.file('a', { parent: folder.id });
  await copy(fixture, folderOf(folder), outer, { name: 'copy' });
  await move(fixture, folderOf(folder), outer);
  await trash(fixture, folderOf(folder));
  await restore(fixture, folderOf(folder));
  await assertCountersRight(fixture.files.db);
});

test('a folder with a single subfolder cannot be moved, copied or restored where the subfolder would be too deep', async () => {
  await using fixture = await openWithDepth(2);
  const target = await fixture.folder('target');
  const folder = await fixture.folder('folder');
  await fixture.folder('inner', folder.id);
  await assert.rejects(copy(fixture, folderOf(folder), target), tooDeep);
  await assert.rejects(move(fixture, folderOf(folder), target), tooDeep);
  await trash(fixture, folderOf(folder));
  await assert.rejects(restore(fixture, folderOf(folder), { to: target }), tooDeep);
  await restore(fixture, folderOf(folder));
});

test('the depth limit applies to folders that are restored below the root folder', async () => {
  await using fixture = await openWithDepth(1);
  const target = await fixture.folder('target');
  const folder = await fixture.folder('folder');
  await trash(fixture, folderOf(folder));
  await assert.rejects(restore(fixture, folderOf(folder), { to: target }), tooDeep);
  await restore(fixture, folderOf(folder));
});

test('a folder can be moved sideways at the depth limit', async () => {
  await using fixture = await openWithDepth(3);
  const first = await fixture.folder('first');
  const second = await fixture.folder('second');
  const folder = await fixture.folder('folder', first.id);
  await fixture.folder('inner', folder.id);
  await move(fixture, folderOf(folder), second);
  const sibling = await fixture.folder('sibling', second.id);
  await assert.rejects(move(fixture, folderOf(folder), sibling), tooDeep);
});
