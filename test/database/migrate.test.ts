import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql } from 'kysely';
import { MIGRATIONS, migrate, OtherSchemaError } from '../../packages/server/src/database/migrate.ts';
import { newDatabase } from './database.ts';

test('a new database is migrated once, and migrating it again changes nothing', async () => {
  await using database = await newDatabase();
  const db = await database.open();
  const id = await db.selectFrom('metadata').select('value').where('name', '=', 'database-id').executeTakeFirst();
  await migrate(db);
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  assert.deepEqual(
    rows.map(({ name }) => name),
    Object.keys(MIGRATIONS),
  );
  assert.deepEqual(
    await db.selectFrom('metadata').select('value').where('name', '=', 'database-id').executeTakeFirst(),
    id,
  );
});

for (const [whose, name] of [
  ['an earlier', '0001-foundation'],
  ['a later', '9999-from-the-future'],
]) {
  test(`a database with the schema of ${whose} version is rejected by name and not changed`, async () => {
    await using database = await newDatabase({ readers: 0 });
    const db = database.openUnmigrated();
    await sql`create table kysely_migration (name text primary key, timestamp text not null)`.execute(db);
    await sql`insert into kysely_migration values (${name}, '2026')`.execute(db);
    await assert.rejects(
      migrate(db),
      (error) => error instanceof OtherSchemaError && error.message.includes(`schema ${name}; this version uses`),
    );
    const { rows } = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(db);
    assert.deepEqual(
      rows.map((row) => row.name),
      ['kysely_migration'],
    );
  });
}
