import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type Kysely, sql } from 'kysely';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { DatabaseError } from '../../packages/server/src/database/errors.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import type { ItemRow, Tables, UserRow } from '../../packages/server/src/database/schema.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import { insertItem } from '../../packages/server/src/files/items.ts';
import { listByMarker } from '../../packages/server/src/files/paging.ts';
import { lockTree } from '../../packages/server/src/files/tree.ts';
import { recordsBehave } from '../conformance/records.ts';
import { noPostgres } from '../engines/postgres.ts';
import { newDatabase } from './database.ts';
import { newPostgresDatabase, stopPostgres } from './postgres-database.ts';

/** In the order of their bytes as UTF-8, which is no language's. */
const NAMES = [
  'a',
  'a b',
  'a-b',
  'a.b',
  'ab',
  'b',
  'Ärger',
  'zebra',
  'ß',
  'ä',
  'é',
  'Я',
  '中文',
  '\u{1f600}',
  '\uff21',
];

describe('PostgreSQL', { skip: noPostgres, timeout: 600_000 }, () => {
  after(stopPostgres);

  recordsBehave('the records in PostgreSQL', async () => {
    const database = await newPostgresDatabase();
    const close = async () => database[Symbol.asyncDispose]();
    return { db: await database.open(), another: database.open, close };
  });

  it('gives numbers as numbers, to the last digit, and one beyond 2^53 as the largest that there is', async () => {
    await using database = await newPostgresDatabase();
    const db = await database.open();
    const most = Number.MAX_SAFE_INTEGER;
    const { rows } = await sql`select ${most}::bigint as n, sum(m) as sum, count(*) as count, true as yes
      from (values (${most - 1}::bigint), (1)) as v(m)`.execute(db);
    assert.deepEqual(rows, [{ n: most, sum: most, count: 2, yes: true }]);
    const beyond = await sql`select 9007199254740993::bigint as n, '-9223372036854775808'::bigint as least,
      sum(m) as sum from (values (9223372036854775807::bigint), (1)) as v(m)`.execute(db);
    assert.deepEqual(beyond.rows, [{ n: most, least: -most, sum: most }]);
  });

  it('says how many rows were changed as SQLite does', async () => {
    await using database = await newPostgresDatabase();
    await using file = await newDatabase();
    for (const db of [await database.open(), await file.open()]) {
      await addUser(db, someone(1));
      await addUser(db, someone(2));
      const { numUpdatedRows } = await db.updateTable('users').set({ name: 'N' }).executeTakeFirst();
      const { numDeletedRows } = await db.deleteFrom('locks').executeTakeFirst();
      assert.deepEqual([numUpdatedRows, numDeletedRows], [2n, 0n]);
    }
  });

  it('serves a thousand callers at once with ten connections, in statements and in transactions', async () => {
    await using database = await newPostgresDatabase();
    const db = openPostgres(database.url);
    const beside = await database.open();
    let most = 0;
    const counting = setInterval(() => {
      const count = sql<{ n: number }>`select count(*) as n from pg_stat_activity
        where application_name = 'partway' and datname = current_database()`;
      count.execute(beside).then(
        ({ rows }) => {
          most = Math.max(most, rows[0]?.n ?? 0);
        },
        () => {},
      );
    }, 20);
    const callers = Array.from({ length: 1000 }, async (_, n) => {
      const user = await patiently(() => addUser(db, someone(n)));
      await patiently(() => addFolder(db, user, 'folder'));
    });
    await Promise.all(callers).finally(() => clearInterval(counting));
    const { n } = await db
      .selectFrom('items')
      .select((eb) => eb.fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow();
    assert.equal(n, 2000);
    // Ten of the pool that is asked, and those of the one that counts.
    assert.ok(most >= 1 && most <= 20, `${most} connections`);
    await db.destroy();
  });

  it('compares every text column by its bytes, whatever the language of the database', async () => {
    await using database = await newPostgresDatabase();
    const db = await database.open();
    const { rows } = await sql`select table_name, column_name from information_schema.columns
      where table_schema = current_schema() and data_type = 'text' and collation_name is distinct from 'C'`.execute(db);
    assert.deepEqual(rows, []);
    const { rows: languages } = await sql<{ english: boolean }>`select 'a' < 'B' as english`.execute(db);
    assert.equal(languages[0]?.english, true, 'the database of the tests is to be one with a language');
  });

  it('lists a folder in the same order as SQLite, page by page', async () => {
    await using database = await newPostgresDatabase();
    await using file = await newDatabase();
    const listed = [];
    for (const db of [await database.open(), await file.open()]) {
      const user = await addUser(db, someone(1));
      for (const name of NAMES.toReversed()) await addFolder(db, user, name);
      listed.push(await allNames(db, user));
    }
    assert.deepEqual(listed[0], listed[1]);
    assert.equal(listed[0]?.length, NAMES.length);
  });
});

/** A machine so busy that a caller is told to come later, for want of a connection, is asked again. */
async function patiently<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== 'unavailable') throw error;
    }
  }
}

function someone(n: number): { login: string; name: string; now: number } {
  return { login: `user-${n}@partway.test`, name: `User ${n}`, now: n };
}

async function addFolder(db: Kysely<Tables>, user: UserRow, name: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await lockTree(tx, user.id);
    const made = {
      id: newId<ItemId>(),
      kind: 'folder',
      folderId: user.root_id,
      name,
      description: '',
      details: '',
    } as const;
    const dates = { now: 1, contentCreatedAt: 1, contentModifiedAt: 1 };
    await insertItem(tx, { ...made, ...dates, versionId: null, by: user.id, size: 0 });
  });
}

async function allNames(db: Kysely<Tables>, user: UserRow): Promise<string[]> {
  const folder = (await db
    .selectFrom('items')
    .selectAll()
    .where('id', '=', user.root_id)
    .executeTakeFirst()) as ItemRow;
  const names: string[] = [];
  for (let marker: Awaited<ReturnType<typeof listByMarker>>['next']; ; ) {
    const page = await listByMarker(db, folder, { marker, limit: 3 });
    names.push(...page.entries.map(({ item }) => item.name));
    marker = page.next;
    if (marker === undefined) return names;
  }
}
