import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Direction,
  listTrashByMarker,
  listTrashByOffset,
  type PageCursor,
  type SortBy,
} from '../../packages/server/src/files/paging.ts';
import { errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { asFile, purge, readRow, rename, restore, trash } from './tree-steps.ts';

async function listNames(fixture: FilesFixture, by: SortBy = 'name', direction: Direction = 'asc'): Promise<string[]> {
  const page = { offset: 0, limit: 100, order: { by, direction } };
  const { entries, total } = await listTrashByOffset(fixture.files.db, fixture.owner.id, page);
  assert.equal(total, entries.length);
  return entries.map(({ item }) => item.name);
}

test('the trash lists the items that were put there, but not their contents, in every order', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  await fixture.file('along', { parent: folder.id });
  const files = [];
  for (const [name, text] of [
    ['b', 'xxx'],
    ['a', 'xx'],
    ['c', 'x'],
  ] as const) {
    files.push(asFile(await fixture.file(name, { text })));
  }
  for (const item of [folder, ...files]) {
    fixture.clock.advance(1000);
    await trash(fixture, item);
  }

  assert.deepEqual(await listNames(fixture), ['folder', 'a', 'b', 'c']);
  assert.deepEqual(await listNames(fixture, 'name', 'desc'), ['folder', 'c', 'b', 'a']);
  assert.deepEqual(await listNames(fixture, 'date'), ['folder', 'b', 'a', 'c']);
  assert.deepEqual(await listNames(fixture, 'size'), ['folder', 'c', 'a', 'b']);
  const listed: string[] = [];
  let marker: PageCursor | undefined;
  do {
    const page = await listTrashByMarker(fixture.files.db, fixture.owner.id, { marker, limit: 1 });
    listed.push(...page.entries.map(({ item }) => item.name));
    marker = page.next;
  } while (marker !== undefined);
  assert.deepEqual(listed, await listNames(fixture));
  const { entries } = await listTrashByMarker(fixture.files.db, fixture.otherUser.id, { marker: undefined, limit: 9 });
  assert.deepEqual(entries, []);
});

test('an item is restored to its old place, with everything that was trashed with it', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  const deep = asFile(await fixture.file('deep', { parent: inner.id }));
  const before = asFile(await fixture.file('before', { parent: inner.id }));
  await trash(fixture, before);
  await trash(fixture, outer);

  await restore(fixture, outer);

  for (const item of [outer, inner, deep]) assert.equal((await readRow(fixture, item)).trashed_at, null);
  assert.deepEqual(await listNames(fixture), ['before']);
  assert.equal((await readRow(fixture, outer)).etag, 2);
  await restore(fixture, before);
  await assertCountersRight(fixture.files.db);
});

test('an item can be restored with another name or to another folder', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  await trash(fixture, file);
  await fixture.file('A.TXT');
  const folder = await fixture.folder('folder');

  await assert.rejects(restore(fixture, file), errorWithCode('name-in-use'));
  await assert.rejects(restore(fixture, file, { name: 'a/b' }), errorWithCode('name-invalid'));
  assert.equal((await readRow(fixture, file)).trashed_with, file.id);
  await restore(fixture, file, { name: 'b.txt' });
  await trash(fixture, file);
  await restore(fixture, file, { to: folder });

  const row = await readRow(fixture, file);
  assert.deepEqual([row.name, row.parent_id], ['b.txt', folder.id]);
  await assertCountersRight(fixture.files.db);
});

test('an item whose folder is in the trash has to be restored to another folder', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  const file = asFile(await fixture.file('a.txt', { parent: folder.id }));
  const along = asFile(await fixture.file('b.txt', { parent: folder.id }));
  await trash(fixture, file);
  await trash(fixture, folder);

  await assert.rejects(restore(fixture, file), errorWithCode('trashed'));
  await assert.rejects(restore(fixture, file, { to: folder }), errorWithCode('trashed'));
  await restore(fixture, file, { to: { id: fixture.owner.root_id } });
  for (const act of [restore, purge]) await assert.rejects(act(fixture, along), errorWithCode('trashed'));
  await assertCountersRight(fixture.files.db);
});

test('only items in the trash can be restored or deleted permanently, and only by their owner', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  const folder = await fixture.folder('folder');
  const by = fixture.otherUser;

  for (const item of [file, folder]) {
    for (const act of [restore, purge]) {
      await assert.rejects(act(fixture, item), errorWithCode('not-trashed'));
      await assert.rejects(act(fixture, item, { by }), errorWithCode('not-found'));
    }
    await trash(fixture, item);
    for (const act of [restore, purge]) await assert.rejects(act(fixture, item, { by }), errorWithCode('not-found'));
    await assert.rejects(restore(fixture, item, { to: { id: by.root_id } }), errorWithCode('not-found'));
  }
  await assert.rejects(restore(fixture, { ...file, kind: 'folder' }), errorWithCode('not-found'));
});

test('permanently deleting a folder deletes everything that was trashed with it, and other items stay in the trash and belong to the root', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  await fixture.file('deep', { parent: inner.id });
  const before = await fixture.folder('before', inner.id);
  const kept = asFile(await fixture.file('kept', { parent: before.id }));
  await trash(fixture, before);
  await trash(fixture, outer);

  await purge(fixture, outer);

  assert.deepEqual(await listNames(fixture), ['before']);
  assert.equal((await fixture.listBlobs()).length, 1);
  await assert.rejects(restore(fixture, outer), errorWithCode('not-found'));
  await restore(fixture, before);
  assert.equal((await readRow(fixture, before)).parent_id, fixture.owner.root_id);
  await rename(fixture, kept, 'still there');
  await assertCountersRight(fixture.files.db);
});
