import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { updateFile } from '../../packages/server/src/files/update-item.ts';
import { openFilesFixture, refusal } from './files-fixture.ts';
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
} from './tree-steps.ts';

test('a rename keeps the id, counts as a change, and says who made it and when', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  const folder = await fixture.folder('inbox');
  fixture.clock.advance(60_000);

  for (const item of [file, folder]) {
    await update(fixture, item, { name: `new ${item.kind}`, description: 'said' });

    const row = await rowOf(fixture, item);
    assert.deepEqual([row.name, row.name_key, row.description], [`new ${item.kind}`, `new ${item.kind}`, 'said']);
    assert.deepEqual([row.etag, row.modified_at, row.modified_by], [1, fixture.clock.now(), fixture.owner.id]);
    assert.equal(row.created_at, fixture.clock.now() - 60_000);
  }
});

test('what changes nothing leaves the etag', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('inbox');

  await update(fixture, folder, {});
  await update(fixture, folder, { name: 'inbox', description: '', folderId: fixture.owner.root_id });

  assert.equal((await rowOf(fixture, folder)).etag, 0);
});

test('a name is held against its siblings, but not against itself', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  const folder = await fixture.folder('inbox');

  await rename(fixture, file, 'A.TXT');
  await assert.rejects(rename(fixture, file, 'INBOX'), refusal('name-in-use'));
  await assert.rejects(rename(fixture, folder, 'a.txt'), refusal('name-in-use'));
  await assert.rejects(rename(fixture, folder, 'a/b'), refusal('name-invalid'));
  await assert.rejects(rename(fixture, file, 'x'.repeat(256)), refusal('name-too-long'));
  assert.equal((await rowOf(fixture, file)).name, 'A.TXT');
});

test('a move takes an item to another folder, with its new name at once, and the counters follow', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt', { text: '12345' }));
  const [from, to] = [await fixture.folder('from'), await fixture.folder('to')];
  const inner = await fixture.folder('inner', from.id);

  await move(fixture, file, inner);
  await assertCountersRight(fixture.files.db);
  await update(fixture, inner, { folderId: to.id, name: 'moved' });

  await assertCountersRight(fixture.files.db);
  assert.equal((await rowOf(fixture, to)).size, 5);
  assert.deepEqual((await rowOf(fixture, inner)).parent_id, to.id);
  await fixture.folder('inner', from.id);
});

test('a move into a folder where the name is taken changes nothing', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  const folder = await fixture.folder('folder');
  await fixture.file('A.txt', { parent: folder.id });

  await assert.rejects(move(fixture, file, folder), refusal('name-in-use'));

  assert.deepEqual(
    [(await rowOf(fixture, file)).parent_id, (await rowOf(fixture, file)).etag],
    [fixture.owner.root_id, 0],
  );
  await assertCountersRight(fixture.files.db);
});

test('a folder goes neither into itself nor below itself', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);

  for (const to of [outer, inner]) {
    await assert.rejects(move(fixture, outer, to), refusal('cyclical-move'));
    await assert.rejects(copy(fixture, outer, to), refusal('cyclical-move'));
  }
  await move(fixture, inner, outer);
});

test('the root stays what it is', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  const root = { id: fixture.owner.root_id, kind: 'folder' as const };

  for (const act of [
    () => rename(fixture, root, 'mine'),
    () => move(fixture, root, folder),
    () => copy(fixture, root, folder),
    () => trash(fixture, root),
  ]) {
    await assert.rejects(act, refusal('permission-denied'));
  }
  await assert.rejects(purge(fixture, root), refusal('not-trashed'));
});

test('an item is changed in the state that was named, and only by its owner', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  const folder = await fixture.folder('folder');
  const by = fixture.stranger;

  for (const item of [file, folder]) {
    await assert.rejects(update(fixture, item, { name: 'b' }, { ifMatch: '1' }), refusal('precondition-failed'));
    await assert.rejects(update(fixture, item, { name: 'b' }, { by }), refusal('not-found'));
    await assert.rejects(copy(fixture, item, { id: by.root_id }, { by }), refusal('not-found'));
    await assert.rejects(move(fixture, item, { id: by.root_id }), refusal('not-found'));
    await assert.rejects(copy(fixture, item, { id: by.root_id }), refusal('not-found'));
    await update(fixture, item, { description: 'b' }, { ifMatch: '"0"' });
  }
  const gone = { id: 12_345 as ItemId, kind: 'file' as const };
  await assert.rejects(rename(fixture, gone, 'b'), refusal('not-found'));
  await assert.rejects(update(fixture, gone, { name: 'b' }, { ifMatch: '0' }), refusal('precondition-failed'));
});

test('what is in the trash is neither changed nor taken as a place', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  const gone = await fixture.folder('gone');
  await trash(fixture, gone);

  await assert.rejects(rename(fixture, gone, 'b'), refusal('trashed'));
  await assert.rejects(move(fixture, file, gone), refusal('trashed'));
  await assert.rejects(copy(fixture, file, gone), refusal('trashed'));
  await assert.rejects(copy(fixture, gone, { id: fixture.owner.root_id }), refusal('trashed'));
});

test('a file keeps the dates that its owner gives its content', async () => {
  await using fixture = await openFilesFixture();
  const { fileId } = await fixture.file('a.txt');
  const change = { contentCreatedAt: 5_000, contentModifiedAt: 6_000 };

  await updateFile(fixture.files, { caller: fixture.owner.id, fileId, ifMatch: undefined, change });

  const row = await rowOf(fixture, { id: fileId });
  assert.deepEqual([row.content_created_at, row.content_modified_at, row.etag], [5_000, 6_000, 1]);
});

test('a version keeps the name that its file had in its time, and brings it back when it is promoted', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('first'));
  await rename(fixture, file, 'renamed');
  await addVersion(fixture, file, 'next');
  await rename(fixture, file, 'later');
  const [first] = await versionsOf(fixture, file);
  assert.ok(first);

  await promote(fixture, file, first.id);

  assert.deepEqual(
    (await versionsOf(fixture, file)).map(({ name }) => name),
    ['renamed', 'later', 'renamed'],
  );
  assert.equal((await rowOf(fixture, file)).name, 'renamed');
});
