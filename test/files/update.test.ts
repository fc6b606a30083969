import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { updateFile } from '../../packages/server/src/files/update-item.ts';
import { errorWithCode, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import {
  addVersion,
  asFile,
  copy,
  move,
  promote,
  purge,
  readRow,
  readVersions,
  rename,
  trash,
  update,
} from './tree-steps.ts';

test('a rename keeps the ID, increments the etag, and records who renamed the item and when', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  const folder = await fixture.folder('inbox');
  fixture.clock.advance(60_000);

  for (const item of [file, folder]) {
    await update(fixture, item, { name: `new ${item.kind}`, description: 'said' });

    const row = await readRow(fixture, item);
    assert.deepEqual([row.name, row.name_key, row.description], [`new ${item.kind}`, `new ${item.kind}`, 'said']);
    assert.deepEqual([row.etag, row.modified_at, row.modified_by], [1, fixture.clock.now(), fixture.owner.id]);
    assert.equal(row.created_at, fixture.clock.now() - 60_000);
  }
});

test('an update without changes keeps the etag', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('inbox');

  await update(fixture, folder, {});
  await update(fixture, folder, { name: 'inbox', description: '', folderId: fixture.owner.root_id });

  assert.equal((await readRow(fixture, folder)).etag, 0);
});

test("a new name must differ from the names of siblings, but not from the item's own", async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  const folder = await fixture.folder('inbox');

  await rename(fixture, file, 'A.TXT');
  await assert.rejects(rename(fixture, file, 'INBOX'), errorWithCode('name-in-use'));
  await assert.rejects(rename(fixture, folder, 'a.txt'), errorWithCode('name-in-use'));
  await assert.rejects(rename(fixture, folder, 'a/b'), errorWithCode('name-invalid'));
  await assert.rejects(rename(fixture, file, 'x'.repeat(256)), errorWithCode('name-too-long'));
  assert.equal((await readRow(fixture, file)).name, 'A.TXT');
});

test('a move can also rename the item, and the counters follow', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt', { text: '12345' }));
  const [from, to] = [await fixture.folder('from'), await fixture.folder('to')];
  const inner = await fixture.folder('inner', from.id);

  await move(fixture, file, inner);
  await assertCountersRight(fixture.files.db);
  await update(fixture, inner, { folderId: to.id, name: 'moved' });

  await assertCountersRight(fixture.files.db);
  assert.equal((await readRow(fixture, to)).size, 5);
  assert.deepEqual((await readRow(fixture, inner)).parent_id, to.id);
  await fixture.folder('inner', from.id);
});

test('a move into a folder in which the name is in use changes nothing', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  const folder = await fixture.folder('folder');
  await fixture.file('A.txt', { parent: folder.id });

  await assert.rejects(move(fixture, file, folder), errorWithCode('name-in-use'));

  assert.deepEqual(
    [(await readRow(fixture, file)).parent_id, (await readRow(fixture, file)).etag],
    [fixture.owner.root_id, 0],
  );
  await assertCountersRight(fixture.files.db);
});

test('a folder cannot be moved or copied into itself or below itself', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);

  for (const to of [outer, inner]) {
    await assert.rejects(move(fixture, outer, to), errorWithCode('cyclical-move'));
    await assert.rejects(copy(fixture, outer, to), errorWithCode('cyclical-move'));
  }
  await move(fixture, inner, outer);
});

test('a root folder cannot be changed', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  const root = { id: fixture.owner.root_id, kind: 'folder' as const };

  for (const act of [
    () => rename(fixture, root, 'mine'),
    () => move(fixture, root, folder),
    () => copy(fixture, root, folder),
    () => trash(fixture, root),
  ]) {
    await assert.rejects(act, errorWithCode('permission-denied'));
  }
  await assert.rejects(purge(fixture, root), errorWithCode('not-trashed'));
});

test('an item can be changed only in the state that If-Match names, and only by its owner', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  const folder = await fixture.folder('folder');
  const by = fixture.otherUser;

  for (const item of [file, folder]) {
    await assert.rejects(update(fixture, item, { name: 'b' }, { ifMatch: '1' }), errorWithCode('precondition-failed'));
    await assert.rejects(update(fixture, item, { name: 'b' }, { by }), errorWithCode('not-found'));
    await assert.rejects(copy(fixture, item, { id: by.root_id }, { by }), errorWithCode('not-found'));
    await assert.rejects(move(fixture, item, { id: by.root_id }), errorWithCode('not-found'));
    await assert.rejects(copy(fixture, item, { id: by.root_id }), errorWithCode('not-found'));
    await update(fixture, item, { description: 'b' }, { ifMatch: '"0"' });
  }
  const gone = { id: 12_345 as ItemId, kind: 'file' as const };
  await assert.rejects(rename(fixture, gone, 'b'), errorWithCode('not-found'));
  await assert.rejects(update(fixture, gone, { name: 'b' }, { ifMatch: '0' }), errorWithCode('precondition-failed'));
});

test('an item in the trash cannot be changed, and a folder in the trash cannot be a target', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  const gone = await fixture.folder('gone');
  await trash(fixture, gone);

  await assert.rejects(rename(fixture, gone, 'b'), errorWithCode('trashed'));
  await assert.rejects(move(fixture, file, gone), errorWithCode('trashed'));
  await assert.rejects(copy(fixture, file, gone), errorWithCode('trashed'));
  await assert.rejects(copy(fixture, gone, { id: fixture.owner.root_id }), errorWithCode('trashed'));
});

test('a file keeps the content dates that its owner sets', async () => {
  await using fixture = await openFilesFixture();
  const { fileId } = await fixture.file('a.txt');
  const change = { contentCreatedAt: 5_000, contentModifiedAt: 6_000 };

  await updateFile(fixture.files, { caller: fixture.owner.id, fileId, ifMatch: undefined, change });

  const row = await readRow(fixture, { id: fileId });
  assert.deepEqual([row.content_created_at, row.content_modified_at, row.etag], [5_000, 6_000, 1]);
});

test('a version keeps the name that its file had at the time, and promoting it restores that name', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('first'));
  await rename(fixture, file, 'renamed');
  await addVersion(fixture, file, 'next');
  await rename(fixture, file, 'later');
  const [first] = await readVersions(fixture, file);
  assert.ok(first);

  await promote(fixture, file, first.id);

  assert.deepEqual(
    (await readVersions(fixture, file)).map(({ name }) => name),
    ['renamed', 'later', 'renamed'],
  );
  assert.equal((await readRow(fixture, file)).name, 'renamed');
});
