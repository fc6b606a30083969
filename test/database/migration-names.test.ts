import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { foldCase } from '../../packages/protocol/src/text.ts';
import { MIGRATIONS, migrate } from '../../packages/server/src/database/migrate.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { noPostgres } from '../engines/postgres.ts';
import { onlySqlite } from '../support/rows.ts';
import { newDatabase } from './database.ts';
import { newPostgresDatabase, stopPostgres } from './postgres-database.ts';

after(stopPostgres);

const OURS = '0009-details-and-folded-names';

/** The schema as it was before names were folded. */
async function migrateUpTo(db: Kysely<unknown>): Promise<void> {
  for (const [name, { up }] of Object.entries(MIGRATIONS)) if (name < OURS) await up(db);
}

/** id, parent, name, created, trashed. */
const ITEMS = [
  [1, null, 'All Files', 0, false],
  [2, 1, 'ΟΔΟΣ.txt', 20, false],
  [3, 1, 'οδος.txt', 10, false],
  [4, 1, 'οδοσ (2).txt', 5, false],
  [5, 1, 'straße', 30, false],
  [6, 1, 'STRASSE', 40, false],
  [7, 1, 'Strasse', 50, true],
  [8, 1, 'plain.txt', 60, false],
  [9, 5, 'ΟΔΟΣ.txt', 70, false],
  [10, 1, `${'ß'.repeat(125)}.long`, 80, false],
  [11, 1, `${'ss'.repeat(125)}.long`, 90, false],
] as const;

async function rowsOfBefore(db: Kysely<unknown>, logins: readonly string[]): Promise<void> {
  for (const [index, login] of logins.entries()) {
    await sql`insert into users (id, login, name, root_id, created_at) values (${100 + index}, ${login}, 'Åsa', 1, 7)`.execute(
      db,
    );
  }
  for (const [id, parent, name, at, trashed] of ITEMS) {
    // Keys as they were made before.
    const key = name.normalize('NFC').toLowerCase().normalize('NFC');
    await sql`insert into items (id, kind, owner_id, parent_id, name, name_key, description, etag, version_id, created_at,
        modified_at, content_created_at, content_modified_at, created_by, modified_by, trashed_at, trashed_with)
      values (${id}, ${id === 1 || id === 5 ? 'folder' : 'file'}, 100, ${parent}, ${name}, ${id === 7 ? 'strasse (trashed)' : key}, '',
        3, ${id === 2 ? 22 : null}, ${at}, 0, 0, 0, 100, 100, ${trashed ? 1 : null}, ${trashed ? id : null})`.execute(
      db,
    );
  }
  await sql`insert into versions (id, file_id, content_id, name, size, sha1, created_at, created_by)
    values (22, 2, 'c', 'ΟΔΟΣ.txt', 1, 'x', 0, 100)`.execute(db);
}

interface Empty extends AsyncDisposable {
  db: Kysely<Tables>;
}

async function emptySqlite(): Promise<Empty> {
  const database = await newDatabase();
  return { db: database.openAsItIs(), [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

async function emptyPostgres(): Promise<Empty> {
  const database = await newPostgresDatabase();
  const db = await database.open();
  await sql`drop schema public cascade`.execute(db);
  await sql`create schema public`.execute(db);
  return { db, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

for (const [name, skip, open] of [
  ['SQLite', onlySqlite, emptySqlite],
  ['PostgreSQL', noPostgres, emptyPostgres],
] as const) {
  describe(`names from before, on ${name}`, { skip }, () => {
    test('get keys that fold every case, and the younger of two namesakes a number', async () => {
      await using empty = await open();
      const before = empty.db as unknown as Kysely<unknown>;
      await migrateUpTo(before);
      await rowsOfBefore(before, ['Ann@example.com', 'bo@example.com']);

      await MIGRATIONS[OURS]?.up(before);

      const items = await empty.db
        .selectFrom('items')
        .select(['id', 'name', 'name_key', 'etag'])
        .orderBy('id')
        .execute();
      const names = new Map(items.map((item) => [item.id as number, item.name]));
      assert.deepEqual(
        [2, 3, 4, 5, 6, 7, 8, 9].map((id) => names.get(id)),
        ['ΟΔΟΣ (3).txt', 'οδος.txt', 'οδοσ (2).txt', 'straße', 'STRASSE (2)', 'Strasse', 'plain.txt', 'ΟΔΟΣ.txt'],
      );
      assert.equal(names.get(11), `${'s'.repeat(246)} (2).long`);
      for (const item of items) assert.equal(item.name_key, foldCase(item.name));
      assert.deepEqual(
        items.filter(({ etag }) => etag === 4).map(({ id }) => id as number),
        [2, 6, 11],
      );
      const version = await empty.db.selectFrom('versions').select('name').executeTakeFirstOrThrow();
      assert.equal(version.name, 'ΟΔΟΣ (3).txt');
      const users = await empty.db
        .selectFrom('users')
        .select(['login_key', 'name_key', 'modified_at', 'role', 'details'])
        .orderBy('id')
        .execute();
      assert.deepEqual(users, [
        { login_key: 'ann@example.com', name_key: 'åsa', modified_at: 7, role: 'user', details: '' },
        { login_key: 'bo@example.com', name_key: 'åsa', modified_at: 7, role: 'user', details: '' },
      ]);
      await assert.rejects(
        sql`insert into items select 99, kind, owner_id, parent_id, name, name_key, description, etag, version_id, created_at,
          modified_at, content_created_at, content_modified_at, created_by, modified_by, trashed_at, trashed_with, child_count,
          size, details from items where id = 8`.execute(before),
        /unique|duplicate|somebody else/i,
        'the key is unique again',
      );
    });

    test('two logins that have become one stop the migration, and say which they are', async () => {
      await using empty = await open();
      const before = empty.db as unknown as Kysely<unknown>;
      await migrateUpTo(before);
      await rowsOfBefore(before, ['Ann@example.com', 'ann@example.com']);

      await assert.rejects(
        empty.db.transaction().execute(async (tx) => MIGRATIONS[OURS]?.up(tx as unknown as Kysely<unknown>)),
        /"Ann@example\.com" and "ann@example\.com"/,
      );
    });

    test('a new database has the schema of one that was migrated, and is migrated once', async () => {
      await using empty = await open();
      await migrate(empty.db);
      await migrate(empty.db);
      assert.deepEqual(await empty.db.selectFrom('items').select('details').execute(), []);
    });
  });
}
