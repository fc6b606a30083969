import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import * as foundation from '../../packages/server/src/database/migrations/0001-foundation.ts';
import * as tokens from '../../packages/server/src/database/migrations/0002-tokens.ts';
import * as tree from '../../packages/server/src/database/migrations/0003-tree.ts';
import * as statusAndTrashOrders from '../../packages/server/src/database/migrations/0004-status-and-trash-orders.ts';
import * as treeCosts from '../../packages/server/src/database/migrations/0010-tree-costs.ts';
import * as unreferencedBlobs from '../../packages/server/src/database/migrations/0011-unreferenced-blobs.ts';
import { openSqlite } from '../../packages/server/src/database/sqlite/sqlite.ts';
import { findItem } from '../../packages/server/src/files/find.ts';
import { assertCountersRight } from '../files/recount.ts';
import { leftoverFolder } from '../support/leftovers.ts';

/** id, kind, parent, name, version, trashed with. */
const ITEMS = [
  [1, 'folder', null, 'all files', null, null],
  [2, 'folder', 1, 'outer', null, null],
  [3, 'folder', 2, 'inner', null, null],
  [4, 'file', 3, 'deep', 41, null],
  [5, 'file', 2, 'gone', 51, 5],
  [6, 'folder', 1, 'trashed', null, 6],
  [7, 'file', 6, 'along', 71, 6],
  [8, 'file', 6, 'before', 81, 8],
] as const;

/** id, file, size, time. */
const VERSIONS = [
  [40, 4, 3, 100],
  [41, 4, 5, 200],
  [51, 5, 7, 100],
  [71, 7, 11, 100],
  [81, 8, 13, 100],
] as const;

async function rowsOfBefore(db: Kysely<unknown>): Promise<void> {
  await sql`insert into users (id, login, name, root_id, created_at) values (9, 'a', 'a', 1, 0)`.execute(db);
  for (const [id, kind, parent, name, version, trashedWith] of ITEMS) {
    await sql`insert into items (id, kind, owner_id, parent_id, name, name_key, description, etag, version_id, created_at,
        modified_at, content_created_at, content_modified_at, created_by, modified_by, trashed_at, trashed_with)
      values (${id}, ${kind}, 9, ${parent}, ${name}, ${name}, '', 0, ${version}, 0, 0, 0, 0, 9, 9,
        ${trashedWith === null ? null : 1}, ${trashedWith})`.execute(db);
  }
  for (const [id, file, size, at] of VERSIONS) {
    await sql`insert into versions (id, file_id, content_id, name, size, sha1, created_at, created_by)
      values (${id}, ${file}, ${`c${id}`}, 'a', ${size}, 'x', ${at}, 9)`.execute(db);
  }
  for (const [id, state] of [
    ['A', 'open'],
    ['B', 'committed'],
  ] as const) {
    await sql`insert into upload_sessions (id, owner_id, folder_id, name, content_id, staging, file_size, state,
        created_at, expires_at) values (${id}, 9, 1, 'a', ${id}, '{}', 17, ${state}, 0, 0)`.execute(db);
  }
}

test('a database from before gets its counters, version numbers and status from the rows that it has, and its trash stays', async () => {
  const home = leftoverFolder(await mkdtemp(join(tmpdir(), 'partway-migration-')));
  const db = openSqlite(join(home, 'rows.sqlite'));
  try {
    await db.transaction().execute(async (tx) => {
      const before = tx as unknown as Kysely<unknown>;
      await foundation.up(before);
      await tokens.up(before);
      await rowsOfBefore(before);
      await tree.up(before);
      await statusAndTrashOrders.up(before);
      await treeCosts.up(before);
      await unreferencedBlobs.up(before);
    });

    await assertCountersRight(db);
    const user = await db.selectFrom('users').selectAll().executeTakeFirstOrThrow();
    assert.deepEqual([user.space_used, user.space_reserved, user.status], [39, 17, 'active']);
    assert.equal(user.item_count, 8);
    const versions = await db.selectFrom('versions').select(['id', 'number']).orderBy('id').execute();
    assert.deepEqual(
      versions.map(({ number }) => number),
      [1, 2, 1, 1, 1],
    );
    const whose = new Map<number, number | null>();
    for (const [id, kind] of ITEMS) {
      const item = await findItem(db, { kind, owner: user.id, id: id as ItemId });
      whose.set(id, item?.trashed_with ?? null);
    }
    assert.deepEqual([...whose.values()], [null, null, null, null, 5, 6, 6, 8]);
  } finally {
    await db.destroy();
    await rm(home, { recursive: true });
  }
});

test('the migrations run one after the other on a new database, and once', async () => {
  const home = leftoverFolder(await mkdtemp(join(tmpdir(), 'partway-migration-')));
  const db = openSqlite(join(home, 'rows.sqlite'));
  await migrate(db);
  await migrate(db);
  assert.deepEqual(await db.selectFrom('locks').selectAll().execute(), []);
  await db.destroy();
  await rm(home, { recursive: true });
});
