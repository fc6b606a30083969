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
import { shownInList } from '../../packages/server/src/http/render/items.ts';
import { sentStatements } from '../support/sent-statements.ts';
import { type House, openHouse } from './house.ts';
import { addFolders } from './large-trees.ts';
import { fileOf, rowOf, trash } from './tree-acts.ts';

const NOTHING = shownInList(undefined);

async function describe(house: House, ids: readonly ItemId[], description: string): Promise<void> {
  await house.files.db.updateTable('items').set({ description }).where('id', 'in', ids).execute();
}

test('a list reads neither descriptions nor details, paths or users where it shows none', async () => {
  await using house = await openHouse();
  const folder = await house.folder('folder');
  await addFolders(house, folder.id, 20);
  for (const name of ['a', 'b']) await house.file(name, { parent: folder.id });
  const row = await rowOf(house, folder);

  const sent = await sentStatements(house.files.db, async (db) => {
    const { entries } = await listByMarker(db, row, { marker: undefined, limit: 1000, show: NOTHING });
    assert.equal(entries.length, 22);
  });

  const texts = sent.map(({ sql }) => sql.replaceAll(/'' as "(description|details)"/g, ''));
  assert.equal(texts.length, 3, texts.join('\n'));
  for (const text of texts) assert.doesNotMatch(text, /description|details|select \*.*from "items"|recursive|"users"/);
});

test('descriptions are read for as many items as the page may have bytes, and one at least', async () => {
  await using house = await openHouse();
  const folder = await house.folder('folder');
  const ids = await addFolders(house, folder.id, 30);
  await describe(house, ids, 'é'.repeat(50_000));
  const row = await rowOf(house, folder);
  const most: number[] = [];
  const db = house.files.db.withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      most.push(JSON.stringify(result.rows).length);
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
  assert.ok(Math.max(...most) < 400_000, `${Math.max(...most)} characters in one answer of the database`);
});

test('the path of a page is read once, and that of a page of the trash in one statement for all its folders', async () => {
  await using house = await openHouse();
  let parent = house.owner.root_id;
  for (let depth = 0; depth < 30; depth++) parent = (await house.folder('deeper', parent)).id;
  await addFolders(house, parent, 300);
  const row = await rowOf(house, { id: parent });
  const walks = (sent: { sql: string }[]) => sent.filter(({ sql }) => sql.includes('with recursive')).length;

  const sent = await sentStatements(house.files.db, async (db) => {
    const { entries } = await listByMarker(db, row, { marker: undefined, limit: 1000 });
    assert.equal(new Set(entries.map(({ path }) => path)).size, 1);
    assert.equal(entries[0]?.path.length, 31);
  });
  assert.equal(walks(sent), 1);

  const folders = await addFolders(house, house.owner.root_id, 40);
  for (const id of folders) await trash(house, fileOf(await house.file('gone', { parent: id })));
  const read = await sentStatements(house.files.db, async (db) => {
    const { entries } = await listTrashByMarker(db, house.owner.id, { marker: undefined, limit: 1000 });
    assert.deepEqual(entries.map(({ path }) => path.at(-1)?.id).toSorted(), folders.toSorted());
  });
  assert.equal(walks(read), 0);
  assert.ok(read.length <= 8, `${read.length} statements`);
});
