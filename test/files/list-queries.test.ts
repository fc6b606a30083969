import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { ALL_FIELDS } from '../../packages/server/src/files/list-items.ts';
import {
  listByMarker,
  listByOffset,
  listTrashByMarker,
  type PageCursor,
} from '../../packages/server/src/files/paging.ts';
import { toRequestedFields } from '../../packages/server/src/http/render/items.ts';
import { recordStatements } from '../support/record-statements.ts';
import { type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { addFolders } from './large-trees.ts';
import { asFile, readRow, trash } from './tree-steps.ts';

const NOTHING = toRequestedFields(undefined);

async function setDescription(fixture: FilesFixture, ids: readonly ItemId[], description: string): Promise<void> {
  await fixture.files.db.updateTable('items').set({ description }).where('id', 'in', ids).execute();
}

test('a list does not read descriptions, details, paths or users that it does not show', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  await addFolders(fixture, folder.id, 20);
  for (const name of ['a', 'b']) await fixture.file(name, { parent: folder.id });
  const row = await readRow(fixture, folder);

  const sent = await recordStatements(fixture.files.db, async (db) => {
    const { entries } = await listByMarker(db, row, { marker: undefined, limit: 1000, show: NOTHING });
    assert.equal(entries.length, 22);
  });

  const texts = sent.map(({ sql }) => sql.replaceAll(/'' as "(description|details)"/g, ''));
  assert.equal(texts.length, 3, texts.join('\n'));
  for (const text of texts) assert.doesNotMatch(text, /description|details|select \*.*from "items"|recursive|"users"/);
});

test('descriptions are read only for as many items as the byte limit of the page allows, and for at least one', async () => {
  await using fixture = await openFilesFixture();
  const folder = await fixture.folder('folder');
  const ids = await addFolders(fixture, folder.id, 30);
  await setDescription(fixture, ids, 'é'.repeat(50_000));
  const row = await readRow(fixture, folder);
  const sizes: number[] = [];
  const db = fixture.files.db.withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      sizes.push(JSON.stringify(result.rows).length);
      return result;
    },
  });

  for (const [wideBytes, perPage] of [
    [350_000, 3],
    [1, 1],
  ] as const) {
    const found: ItemId[] = [];
    for (let marker: PageCursor | undefined, pages = 0; pages < 40; pages++) {
      const page = await listByMarker(db, row, { marker, limit: 1000, show: ALL_FIELDS, wideBytes });
      assert.ok(page.entries.length <= perPage);
      for (const { item } of page.entries) assert.equal(item.description.length, 50_000);
      found.push(...page.entries.map(({ item }) => item.id));
      marker = page.next;
      if (marker === undefined) break;
    }
    assert.deepEqual(found.toSorted(), ids.toSorted());
  }
  const { entries } = await listByOffset(db, row, { offset: 28, limit: 1000, show: ALL_FIELDS, wideBytes: 350_000 });
  assert.equal(entries.length, 2);
  assert.ok(Math.max(...sizes) < 400_000, `${Math.max(...sizes)} characters in one result of the database`);
});

test('the path of a page is read once, and the paths of a page of the trash in one statement', async () => {
  await using fixture = await openFilesFixture();
  let parent = fixture.owner.root_id;
  for (let depth = 0; depth < 30; depth++) parent = (await fixture.folder('deeper', parent)).id;
  await addFolders(fixture, parent, 300);
  const row = await readRow(fixture, { id: parent });
  const countWalks = (sent: { sql: string }[]) => sent.filter(({ sql }) => sql.includes('with recursive')).length;

  const sent = await recordStatements(fixture.files.db, async (db) => {
    const { entries } = await listByMarker(db, row, { marker: undefined, limit: 1000 });
    assert.equal(new Set(entries.map(({ path }) => path)).size, 1);
    assert.equal(entries[0]?.path.length, 31);
  });
  assert.equal(countWalks(sent), 1);

  const folders = await addFolders(fixture, fixture.owner.root_id, 40);
  for (const id of folders) await trash(fixture, asFile(await fixture.file('gone', { parent: id })));
  const read = await recordStatements(fixture.files.db, async (db) => {
    const { entries } = await listTrashByMarker(db, fixture.owner.id, { marker: undefined, limit: 1000 });
    assert.deepEqual(entries.map(({ path }) => path.at(-1)?.id).toSorted(), folders.toSorted());
  });
  assert.equal(countWalks(read), 0);
  assert.ok(read.length <= 8, `${read.length} statements`);
});
