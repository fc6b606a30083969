import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ItemRow } from '../../packages/server/src/database/schema.ts';
import { checkPlace } from '../../packages/server/src/files/check-place.ts';
import { describeFolder } from '../../packages/server/src/files/find.ts';
import { findNameConflict } from '../../packages/server/src/files/names.ts';
import {
  type Direction,
  type ItemOrder,
  listByMarker,
  listByOffset,
  listTrashByMarker,
  listTrashByOffset,
  type SortBy,
} from '../../packages/server/src/files/paging.ts';
import { trashFile } from '../../packages/server/src/files/trash.ts';
import { listVersions } from '../../packages/server/src/files/versions.ts';
import { onlySqlite } from '../support/test-database.ts';
import { type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { explainStatements, type Plan } from './query-plans.ts';
import {
  addVersion,
  asFile,
  copy,
  type Item,
  move,
  promote,
  purge,
  readVersions,
  rename,
  restore,
  trash,
} from './tree-steps.ts';

const INDEX_OF: Record<SortBy, string> = {
  name: 'items_by_name',
  id: 'items_by_parent',
  date: 'items_by_date',
  size: 'items_by_size',
};
const TRASH_INDEX_OF: Record<SortBy, string> = {
  name: 'items_in_trash_by_name',
  id: 'items_in_trash_by_id',
  date: 'items_in_trash_by_date',
  size: 'items_in_trash_by_size',
};
const ORDERS: ItemOrder[] = (['name', 'id', 'date', 'size'] as const).flatMap((by) =>
  (['asc', 'desc'] as const satisfies Direction[]).map((direction) => ({ by, direction })),
);

let fixture: FilesFixture;
let folder: ItemRow;

before(async () => {
  fixture = await openFilesFixture();
  folder = await fixture.folder('folder');
  for (const name of ['a', 'b']) await fixture.folder(name, folder.id);
  for (const name of ['c', 'd', 'e']) await fixture.file(name, { parent: folder.id });
  for (const name of ['f', 'g']) {
    const { fileId } = await fixture.file(name);
    await trashFile(fixture.files, { caller: fixture.owner.id, fileId, ifMatch: undefined });
  }
});
after(() => fixture[Symbol.asyncDispose]());

/**
 * No table is read from its beginning, and nothing is sorted. The results of a walk through the tree and the list of
 * items of a batch are not tables.
 */
function assertSeeks(plans: Plan[]): void {
  assert.ok(plans.length > 0);
  for (const { sql, steps } of plans) {
    const walks = sql.includes('with recursive');
    for (const step of steps) {
      if (step === 'SCAN id_rows') continue;
      if (walks && /^SCAN (above|below)|USE TEMP B-TREE FOR ORDER BY/.test(step)) continue;
      assert.doesNotMatch(step, /^SCAN (?!CONSTANT ROW|\d+-ROW VALUES)|TEMP B-TREE FOR (?!DISTINCT)/, sql);
    }
  }
}

function listIndexes(plans: Plan[], matches: (sql: string) => boolean): Set<string | undefined> {
  const steps = plans.filter(({ sql }) => matches(sql)).flatMap((plan) => plan.steps);
  return new Set(steps.map((step) => /USING (?:COVERING )?INDEX (\w+)/.exec(step)?.[1]));
}

const isList = (sql: string) => /^select "id", "kind", .* from "items" where "(parent|owner)_id" = /.test(sql);

describe('a page of a folder is found with index lookups, however large the folder is', { skip: onlySqlite }, () => {
  for (const order of ORDERS) {
    it(`by ${order.by}, ${order.direction}`, async () => {
      const { db } = fixture.files;
      const first = await listByMarker(db, folder, { marker: undefined, limit: 1, order });
      const files = await listByMarker(db, folder, { marker: undefined, limit: 3, order });
      const plans = await explainStatements(db, async (watched) => {
        await listByMarker(watched, folder, { marker: undefined, limit: 100, order });
        await listByMarker(watched, folder, { marker: first.next, limit: 100, order });
        await listByMarker(watched, folder, { marker: files.next, limit: 100, order });
        await listByOffset(watched, folder, { offset: 0, limit: 2, order });
        await listByOffset(watched, folder, { offset: 3, limit: 100, order });
      });

      assertSeeks(plans);
      assert.deepEqual([...listIndexes(plans, isList)], [INDEX_OF[order.by]]);
    });
  }

  it('including the folder itself, with its size and the number of its items', async () => {
    assertSeeks(await explainStatements(fixture.files.db, (watched) => describeFolder(watched, folder)));
  });
});

it('a name in a folder is found, or found to be free, with one index lookup', { skip: onlySqlite }, async () => {
  const place = { folderId: folder.id, name: 'C' };
  const plans = await explainStatements(fixture.files.db, async (watched) => {
    assert.equal((await findNameConflict(watched, place))?.name, 'c');
    await checkPlace(watched, { owner: fixture.owner.id, ...place, name: 'new' });
  });

  assertSeeks(plans);
  const found = listIndexes(plans, (sql) => sql.includes('"name_key" = '));
  assert.ok(found.has('items_unique_names'), [...found].join());
});

describe('a page of the trash is found with index lookups, however large the trash is', () => {
  for (const order of ORDERS) {
    it(`by ${order.by}, ${order.direction}`, { skip: onlySqlite }, async () => {
      const { owner } = fixture;
      const plans = await explainStatements(fixture.files.db, async (watched) => {
        const { next } = await listTrashByMarker(watched, owner.id, { marker: undefined, limit: 1, order });
        assert.ok(next);
        await listTrashByMarker(watched, owner.id, { marker: next, limit: 100, order });
        await listTrashByOffset(watched, owner.id, { offset: 1, limit: 100, order });
      });

      assertSeeks(plans);
      assert.deepEqual([...listIndexes(plans, isList)], [TRASH_INDEX_OF[order.by]]);
    });
  }
});

it('the versions of a file are found with index lookups', { skip: onlySqlite }, async () => {
  const { fileId } = await fixture.file('versioned');
  const file = await fixture.files.db
    .selectFrom('items')
    .selectAll()
    .where('id', '=', fileId)
    .executeTakeFirstOrThrow();
  assertSeeks(await explainStatements(fixture.files.db, (db) => listVersions(db, file, { offset: 0, limit: 100 })));
});

describe('index lookups are enough for', { skip: onlySqlite }, () => {
  const acts: Record<string, (fixture: FilesFixture) => Promise<unknown>> = {
    'a new file': (within) => within.file('new'),
    'a new version': (within) => addVersion(within, target.file, 'newer'),
    'a promotion': async (within) =>
      promote(within, target.file, (await readVersions(fixture, target.file))[0]?.id as never),
    'a rename': (within) => rename(within, target.file, 'renamed'),
    'a move': (within) => move(within, target.folder, folder),
    'a copy of a folder': (within) => copy(within, target.folder, folder, { name: 'copy' }),
    'a deletion': (within) => trash(within, target.folder),
    'a restore': (within) => restore(within, target.folder),
    'a permanent deletion': async (within) => {
      await trash(fixture, target.folder);
      await purge(within, target.folder);
    },
  };
  let target: { folder: Item; file: Item };
  before(async () => {
    const created = await fixture.folder('target');
    target = { folder: created, file: asFile(await fixture.file('target.txt', { parent: created.id })) };
  });
  for (const [what, act] of Object.entries(acts)) {
    it(what, async () => {
      assertSeeks(await explainStatements(fixture.files.db, (db) => act(fixture.withFiles({ ...fixture.files, db }))));
    });
  }
});
