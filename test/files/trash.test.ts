import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Direction,
  listTrashByMarker,
  listTrashByOffset,
  type PageCursor,
  type SortBy,
} from '../../packages/server/src/files/paging.ts';
import { type FilesFixture, openFilesFixture, refusal } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { fileOf, purge, rename, restore, rowOf, trash } from './tree-steps.ts';

async function names(fixture: FilesFixture, by: SortBy = 'name', direction: Direction = 'asc'): Promise<string[]> {
  const page = { offset: 0, limit: 100, order: { by, direction } };
  const { entries, total } = await listTrashByOffset(fixture.files.db, fixture.owner.id, page);
  assert.equal(total, entries.length);
  return entries.map(({ item }) => item.name);
}

test('the trash lists what was put there, but not what went along with it, in every order', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  await fixture.file('along', { parent: folder.id });
  const files = [];
  for (const [name, text] of [
    ['b', 'xxx'],
    ['a', 'xx'],
    ['c', 'x'],
  ] as const) {
    files.push(fileOf(await fixture.file(name, { text })));
  }
  for (const item of [folder, ...files]) {
    fixture.clock.advance(1000);
    await trash(fixture, item);
  }

  assert.deepEqual(await names(fixture), ['folder', 'a', 'b', 'c']);
  assert.deepEqual(await names(fixture, 'name', 'desc'), ['folder', 'c', 'b', 'a']);
  assert.deepEqual(await names(fixture, 'date'), ['folder', 'b', 'a', 'c']);
  assert.deepEqual(await names(fixture, 'size'), ['folder', 'c', 'a', 'b']);
  const walked: string[] = [];
  let marker: PageCursor | undefined;
  do {
    const page = await listTrashByMarker(fixture.files.db, fixture.owner.id, { marker, limit: 1 });
    walked.push(...page.entries.map(({ item }) => item.name));
    marker = page.next;
  } while (marker !== undefined);
  assert.deepEqual(walked, await names(fixture));
  const { entries } = await listTrashByMarker(fixture.files.db, fixture.stranger.id, { marker: undefined, limit: 9 });
  assert.deepEqual(entries, []);
});

test('an item comes back to where it was, and all that went along with it', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  const deep = fileOf(await fixture.file('deep', { parent: inner.id }));
  const before = fileOf(await fixture.file('before', { parent: inner.id }));
  await trash(fixture, before);
  await trash(fixture, outer);

  await restore(fixture, outer);

  for (const item of [outer, inner, deep]) assert.equal((await rowOf(fixture, item)).trashed_at, null);
  assert.deepEqual(await names(fixture), ['before']);
  assert.equal((await rowOf(fixture, outer)).etag, 2);
  await restore(fixture, before);
  await assertCountersRight(fixture.files.db);
});

test('an item comes back under another name or to another folder where it says so', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  await trash(fixture, file);
  await fixture.file('A.TXT');
  const folder = await fixture.folder('folder');

  await assert.rejects(restore(fixture, file), refusal('name-in-use'));
  await assert.rejects(restore(fixture, file, { name: 'a/b' }), refusal('name-invalid'));
  assert.equal((await rowOf(fixture, file)).trashed_with, file.id);
  await restore(fixture, file, { name: 'b.txt' });
  await trash(fixture, file);
  await restore(fixture, file, { to: folder });

  const row = await rowOf(fixture, file);
  assert.deepEqual([row.name, row.parent_id], ['b.txt', folder.id]);
  await assertCountersRight(fixture.files.db);
});

test('an item whose folder is in the trash needs another one to come back to', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  const file = fileOf(await fixture.file('a.txt', { parent: folder.id }));
  const along = fileOf(await fixture.file('b.txt', { parent: folder.id }));
  await trash(fixture, file);
  await trash(fixture, folder);

  await assert.rejects(restore(fixture, file), refusal('trashed'));
  await assert.rejects(restore(fixture, file, { to: folder }), refusal('trashed'));
  await restore(fixture, file, { to: { id: fixture.owner.root_id } });
  for (const act of [restore, purge]) await assert.rejects(act(fixture, along), refusal('trashed'));
  await assertCountersRight(fixture.files.db);
});

test('only what is in the trash leaves it, and only by its owner', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  const folder = await fixture.folder('folder');
  const by = fixture.stranger;

  for (const item of [file, folder]) {
    for (const act of [restore, purge]) {
      await assert.rejects(act(fixture, item), refusal('not-trashed'));
      await assert.rejects(act(fixture, item, { by }), refusal('not-found'));
    }
    await trash(fixture, item);
    for (const act of [restore, purge]) await assert.rejects(act(fixture, item, { by }), refusal('not-found'));
    await assert.rejects(restore(fixture, item, { to: { id: by.root_id } }), refusal('not-found'));
  }
  await assert.rejects(restore(fixture, { ...file, kind: 'folder' }), refusal('not-found'));
});

test('a folder deleted for good takes along what went with it; the rest of the trash stays, and returns to the root', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  await fixture.file('deep', { parent: inner.id });
  const before = await fixture.folder('before', inner.id);
  const kept = fileOf(await fixture.file('kept', { parent: before.id }));
  await trash(fixture, before);
  await trash(fixture, outer);

  await purge(fixture, outer);

  assert.deepEqual(await names(fixture), ['before']);
  assert.equal((await fixture.stored()).length, 1);
  await assert.rejects(restore(fixture, outer), refusal('not-found'));
  await restore(fixture, before);
  assert.equal((await rowOf(fixture, before)).parent_id, fixture.owner.root_id);
  await rename(fixture, kept, 'still there');
  await assertCountersRight(fixture.files.db);
});
