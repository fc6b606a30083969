import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { ALL_FIELDS, loadListedItems, type RequestedFields } from '../../packages/server/src/files/list-items.ts';
import { listByMarker, listByOffset } from '../../packages/server/src/files/paging.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { asFile, readRow, update } from './tree-steps.ts';

const NO_FIELDS: RequestedFields = { description: false, details: false, path: false, users: false };
const TAGS = '{"tags":["a"]}';

/** A folder with these descriptions in files of their own, in this order. */
async function describedFiles(fixture: FilesFixture, descriptions: readonly string[]) {
  const folder = await fixture.folder('folder');
  for (const [index, description] of descriptions.entries()) {
    const file = asFile(await fixture.file(`file ${index}`, { parent: folder.id }));
    if (description !== '') await update(fixture, file, { description });
  }
  return readRow(fixture, folder);
}

test('a list can show descriptions without details, and details without descriptions', async () => {
  await using fixture = await openFilesFixture();
  const folder = await describedFiles(fixture, ['Summary']);
  const [file] = (await listByOffset(fixture.files.db, folder, { offset: 0, limit: 1 })).entries;
  assert.ok(file);
  await update(fixture, file.item, { details: { tags: ['a'] } });
  async function shown(fields: Partial<RequestedFields>) {
    const show = { ...NO_FIELDS, ...fields };
    const { entries } = await listByOffset(fixture.files.db, folder, { offset: 0, limit: 1, show });
    return entries.map(({ item, path, users }) => [item.description, item.details, path.length, users.size]);
  }

  assert.deepEqual(await shown({}), [['', '', 0, 0]]);
  assert.deepEqual(await shown({ description: true }), [['Summary', '', 0, 0]]);
  assert.deepEqual(await shown({ details: true }), [['', TAGS, 0, 0]]);
  assert.deepEqual(await shown({ path: true }), [['', '', 2, 0]]);
  assert.deepEqual(await shown({ users: true }), [['', '', 0, 1]]);
  assert.deepEqual(await shown(ALL_FIELDS), [['Summary', TAGS, 2, 1]]);
});

test('a list shows all fields by default', async () => {
  await using fixture = await openFilesFixture();
  const folder = await describedFiles(fixture, ['S']);
  const [file] = (await listByOffset(fixture.files.db, folder, { offset: 0, limit: 1 })).entries;
  assert.ok(file);
  await update(fixture, file.item, { details: { tags: ['a'] } });
  const [entry] = await loadListedItems(fixture.files.db, [await readRow(fixture, file.item)]);
  assert.ok(entry);
  const { item, path, users } = entry;
  assert.deepEqual([item.description, item.details, path.length, users.size], ['S', TAGS, 1, 1]);
});

test('a page ends before the item whose description would exceed its bytes', async () => {
  await using fixture = await openFilesFixture();
  const folder = await describedFiles(fixture, ['12345', '', '1234', '1', '']);
  async function pageSizes(wideBytes: number, fields: Partial<RequestedFields> = { description: true }) {
    const sizes: number[] = [];
    for (let offset = 0; offset < 5; offset += sizes.at(-1) ?? 5) {
      const show = { ...NO_FIELDS, ...fields };
      const { entries } = await listByOffset(fixture.files.db, folder, { offset, limit: 5, show, wideBytes });
      sizes.push(entries.length);
    }
    return sizes;
  }

  assert.deepEqual(await pageSizes(10), [5]);
  assert.deepEqual(await pageSizes(9), [3, 2]);
  assert.deepEqual(await pageSizes(8), [2, 3]);
  assert.deepEqual(await pageSizes(1), [1, 1, 1, 2]);
  assert.deepEqual(await pageSizes(8, { details: true }), [5]);
});

test('the bytes of descriptions and details count together', async () => {
  await using fixture = await openFilesFixture();
  const folder = await describedFiles(fixture, ['12345', '']);
  const { entries } = await listByOffset(fixture.files.db, folder, { offset: 1, limit: 1 });
  for (const { item } of entries) await update(fixture, item, { description: '1', details: { tags: ['a'] } });
  const show = { ...NO_FIELDS, description: true, details: true };
  async function pageSize(wideBytes: number) {
    return (await listByOffset(fixture.files.db, folder, { offset: 0, limit: 2, show, wideBytes })).entries.length;
  }

  assert.equal(await pageSize(5 + 1 + TAGS.length), 2);
  assert.equal(await pageSize(5 + TAGS.length), 1);
});

test('a list continues if all files of a page are deleted while it is read', async () => {
  await using fixture = await openFilesFixture();
  const folder = await describedFiles(fixture, ['', '']);
  let deleted: ItemId | undefined;
  const db = watchQueries(fixture.files.db, {
    after: async (query) => {
      if (query !== 'select items' || deleted !== undefined) return;
      const { id } = await fixture.files.db
        .selectFrom('items')
        .select('id')
        .where('name', '=', 'file 0')
        .executeTakeFirstOrThrow();
      deleted = id;
      await fixture.files.db.deleteFrom('versions').where('file_id', '=', id).execute();
      await fixture.files.db.deleteFrom('items').where('id', '=', id).execute();
    },
  });

  // The first query for folders finds nothing and is not followed by a deletion yet.
  const first = await listByMarker(db, folder, { marker: undefined, limit: 1, show: NO_FIELDS });
  assert.ok(deleted);
  const names = first.entries.map(({ item }) => item.name);
  for (let marker = first.next; marker !== undefined; ) {
    const page = await listByMarker(fixture.files.db, folder, { marker, limit: 1 });
    names.push(...page.entries.map(({ item }) => item.name));
    marker = page.next;
  }
  assert.deepEqual(names, ['file 1']);
});
