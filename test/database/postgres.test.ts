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

/** In the byte order of UTF-8, which is not the order of any language. */
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
    return { db: await database.open(), openAnother: database.open, close };
  });

  it('returns numbers exactly, and one beyond 2^53 as the largest exact number', async () => {
    await using database = await newPostgresDatabase();
    const db = await database.open();
    const maxConnections = Number.MAX_SAFE_INTEGER;
    const { rows } = await sql`select ${maxConnections}::bigint as n, sum(m) as sum, count(*) as count, true as yes
      from (values (${maxConnections - 1}::bigint), (1)) as v(m)`.execute(db);
    assert.deepEqual(rows, [{ n: maxConnections, sum: maxConnections, count: 2, yes: true }]);
    const beyond = await sql`select 9007199254740993::bigint as n, '-9223372036854775808'::bigint as least,
      sum(m) as sum from (values (9223372036854775807::bigint), (1)) as v(m)`.execute(db);
    assert.deepEqual(beyond.rows, [{ n: maxConnections, least: -maxConnections, sum: maxConnections }]);
  });

  it('reports the number of changed rows like SQLite', async () => {
    await using database = await newPostgresDatabase();
    await using file = await newDatabase();
    for (const db of [await database.open(), await file.open()]) {
      await addUser(db, sampleUser(1));
      await addUser(db, sampleUser(2));
      const { numUpdatedRows } = await db.updateTable('users').set({ name: 'N' }).executeTakeFirst();
      const { numDeletedRows } = await db.deleteFrom('locks').executeTakeFirst();
      assert.deepEqual([numUpdatedRows, numDeletedRows], [2n, 0n]);
    }
  });

  it('serves a thousand parallel callers with ten connections, in statements and in transactions', async () => {
    await using database = await newPostgresDatabase();
    const db = openPostgres(database.url);
    const beside = await database.open();
    let maxConnections = 0;
    const counting = setInterval(() => {
      const count = sql<{ n: number }>`select count(*) as n from pg_stat_activity
        where application_name = 'partway' and datname = current_database()`;
      count.execute(beside).then(
        ({ rows }) => {
          maxConnections = Math.max(maxConnections, rows[0]?.n ?? 0);
        },
        () => {},
      );
    }, 20);
    const callers = Array.from({ length: 1000 }, async (_, n) => {
      const user = await retry(() => addUser(db, sampleUser(n)));
      await retry(() => addFolder(db, user, 'folder'));
    });
    await Promise.all(callers).finally(() => clearInterval(counting));
    const { n } = await db
      .selectFrom('items')
      .select((eb) => eb.fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow();
    assert.equal(n, 2000);
    // Ten of the pool under test, and those of the counting one.
    assert.ok(maxConnections >= 1 && maxConnections <= 20, `${maxConnections} connections`);
    await db.destroy();
  });

  it('compares all text columns by their bytes, whatever the language of the database', async () => {
    await using database = await newPostgresDatabase();
    const db = await database.open();
    const { rows } = await sql`select table_name, column_name from information_schema.columns
      where table_schema = current_schema() and data_type = 'text' and collation_name is distinct from 'C'`.execute(db);
    assert.deepEqual(rows, []);
    const { rows: languages } = await sql<{ english: boolean }>`select 'a' < 'B' as english`.execute(db);
    assert.equal(languages[0]?.english, true, 'the test database has to have a language');
  });

  it('lists a folder in the same order as SQLite, page by page', async () => {
    await using database = await newPostgresDatabase();
    await using file = await newDatabase();
    const listed = [];
    for (const db of [await database.open(), await file.open()]) {
      const user = await addUser(db, sampleUser(1));
      for (const name of NAMES.toReversed()) await addFolder(db, user, name);
      listed.push(await listAllNames(db, user));
    }
    assert.deepEqual(listed[0], listed[1]);
    assert.equal(listed[0]?.length, NAMES.length);
  });
});

/** Repeats a call that is unavailable because a busy machine has no free connection. */
async function retry<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== 'unavailable') throw error;
    }
  }
}

function sampleUser(n: number): { login: string; name: string; now: number } {
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

async function listAllNames(db: Kysely<Tables>, user: UserRow): Promise<string[]> {
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
