import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { DatabaseError } from '../../packages/server/src/database/errors.ts';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { openSqlite } from '../../packages/server/src/database/sqlite/sqlite.ts';
import { mountSmallDisk } from '../faults/small-disk.ts';
import { untilItFails } from '../support/until-it-fails.ts';

/** Larger than what any file system keeps in a half-filled page. */
const ROW = 'x'.repeat(20_000);

describe('an SQLite database on a full disk', () => {
  for (const [what, insert] of Object.entries({
    'a statement': insertStatement,
    'a transaction': insertInTransaction,
    'a transaction larger than its cache': insertMuchInTransaction,
  })) {
    it(`returns insufficient_storage for ${what}, keeps its rows, and works when there is space`, async (t) => {
      await using disk = await mountSmallDisk('8m');
      if (disk.reason !== undefined) return t.skip(disk.reason);
      const db = await openMigrated(join(disk.folder, 'rows.sqlite'));
      const ballast = join(disk.folder, 'ballast');
      await writeFile(ballast, Buffer.alloc(5 * 2 ** 20));

      let rows = 0;
      const failure = await untilItFails(2000, async () => {
        await insert(db);
        rows = await count(db);
      });
      assertFull(failure);
      assert.equal(await count(db), rows);
      assertFull(await untilItFails(2000, () => insert(db)));
      assert.equal(await count(db), rows);

      await rm(ballast);
      await insertStatement(db);
      await insertInTransaction(db);
      assert.equal(await count(db), rows + 2);
      assert.deepEqual((await sql`pragma integrity_check`.execute(db)).rows, [{ integrity_check: 'ok' }]);
      await db.destroy();
    });
  }
});

async function openMigrated(path: string): Promise<Kysely<Tables>> {
  const db = openSqlite(path);
  await migrate(db);
  await sql`create table filling (row text)`.execute(db);
  return db;
}

async function insertStatement(db: Kysely<Tables>): Promise<void> {
  await sql`insert into filling values (${ROW})`.execute(db);
}

async function insertInTransaction(db: Kysely<Tables>): Promise<void> {
  await db.transaction().execute(insertStatement);
}

/** More than SQLite's page cache, so that it fails at a statement in the middle and not at the commit. */
async function insertMuchInTransaction(db: Kysely<Tables>): Promise<void> {
  await db.transaction().execute(async (tx) => {
    for (let n = 0; n < 200; n++) await insertStatement(tx);
  });
}

function assertFull(failure: unknown): void {
  assert.ok(failure instanceof DatabaseError, String(failure));
  assert.equal(failure.code, 'full');
}

async function count(db: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*) as n from filling`.execute(db);
  return rows[0]?.n ?? 0;
}
