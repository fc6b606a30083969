import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { findUserByLogin } from '../../packages/server/src/auth/users/store.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { SqliteThread } from '../../packages/server/src/database/sqlite/thread.ts';
import { newDatabase } from './database.ts';
import { lockDatabase } from './locked-database.ts';

describe('reads of an SQLite database', () => {
  it('are answered while a transaction is open, and see nothing of it before it is committed', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    await db.transaction().execute(async (tx) => {
      await addUserIn(tx, 1);
      for (let n = 0; n < 20; n++) assert.equal(await countUsers(db), 0);
      assert.equal(await countUsers(tx), 1, 'the transaction sees its own rows');
    });
    assert.equal(await countUsers(db), 1);
  });

  it('are answered while the writing thread waits for the lock, with statements and a transaction behind it', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    using lock = lockDatabase(database.path);
    let written = 0;
    const writes = [addUser(db, sampleUser(1)), addUserIn(db, 2), addUserIn(db, 3), addUser(db, sampleUser(4))].map(
      (write) =>
        write.then(() => {
          written += 1;
        }),
    );
    for (let n = 0; n < 50; n++) assert.equal(await countUsers(db), 0);
    assert.equal(await findUserByLogin(db, 'nobody'), undefined);
    assert.equal(written, 0, 'nothing was written in the meantime');
    lock.release();
    await Promise.all(writes);
    assert.equal(await countUsers(db), 4);
  });

  it('see each write that was answered before they were sent', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    await sql`create table counter (n integer)`.execute(db);
    await sql`insert into counter values (0)`.execute(db);
    const seen = async () => (await sql<{ n: number }>`select n from counter`.execute(db)).rows[0]?.n;
    for (let n = 1; n <= 300; n++) {
      if (n % 3 === 0) await db.transaction().execute((tx) => sql`update counter set n = ${n}`.execute(tx));
      else await sql`update counter set n = ${n}`.execute(db);
      assert.deepEqual(await Promise.all([seen(), seen(), seen()]), [n, n, n]);
    }
  });

  it('continue for others while one of them is slow', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    const order: string[] = [];
    const long = sql`
      select count(*) from (with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000000) select i from n)`
      .execute(db)
      .then(() => order.push('long'));
    for (let n = 0; n < 20; n++) await countUsers(db);
    order.push('short');
    await long;
    assert.deepEqual(order, ['short', 'long']);
  });

  it('use connections that cannot change anything', async () => {
    await using database = await newDatabase();
    await database.open();
    const reader = new SqliteThread({ path: database.path, readOnly: true, isReopening: false, onExit: () => {} });
    const write = { sql: 'delete from users', parameters: [] };
    await assert.rejects(reader.query(write), /attempt to write a readonly database/);
    await reader.close();
  });

  it('fail with the reason, and later ones are answered', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    for (let n = 0; n < 5; n++) await assert.rejects(sql`select * from nowhere`.execute(db), /SQLite: no such table/);
    assert.equal(await countUsers(db), 0);
  });

  it('do not make the log grow, even if there is always one in progress', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    await sql`create table filling (row text)`.execute(db);
    using _reading = readContinuously(database.path);
    let largest = 0;
    for (let n = 0; n < 300; n++) {
      await sql`insert into filling values (${'x'.repeat(200_000)})`.execute(db);
      largest = Math.max(largest, statSync(`${database.path}-wal`).size);
    }
    assert.ok(largest < 30_000_000, `the log grew to ${largest} bytes while 60,000,000 were written`);
  });

  it('leave nothing open: the log is gone when the database is closed, and the folder can be deleted', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    await Promise.all(Array.from({ length: 10 }, () => countUsers(db)));
    await addUser(db, sampleUser(1));
    await db.destroy();
    assert.equal(existsSync(`${database.path}-wal`), false);
    assert.deepEqual(await readdir(dirname(database.path)), ['rows.sqlite']);
  });

  it('that are in progress when the database is closed are answered first', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    const reads = Array.from({ length: 20 }, () => countUsers(db));
    await countUsers(db);
    await db.destroy();
    assert.deepEqual(await Promise.all(reads), Array(20).fill(0));
  });
});

/** Readers that hold a snapshot of the file in turn: before one releases it, the next one has its own. */
function readContinuously(path: string): Disposable {
  const readers = [new DatabaseSync(path), new DatabaseSync(path)];
  const begin = (reader: DatabaseSync) => reader.exec('begin; select count(*) from filling');
  let turn = 0;
  const handOver = () => {
    const [now, next] = turn++ % 2 === 0 ? readers : readers.toReversed();
    if (next !== undefined) begin(next);
    now?.exec('commit');
  };
  for (const reader of readers.slice(0, 1)) begin(reader);
  const timer = setInterval(handOver, 5);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      for (const reader of readers) reader.close();
    },
  };
}

function sampleUser(n: number): { login: string; name: string; now: number } {
  return { login: `user-${n}@partway.test`, name: `User ${n}`, now: n };
}

/** One statement; `addUser` is a transaction. */
async function addUserIn(db: Kysely<Tables>, n: number): Promise<void> {
  await sql`insert into users (id, login, login_key, name, name_key, role, details, root_id, created_at, modified_at) values (${n}, ${n}, ${n}, '', '', 'user', '', ${n}, 1, 1)`.execute(
    db,
  );
}

async function countUsers(db: Kysely<Tables>): Promise<number> {
  const { n } = await db
    .selectFrom('users')
    .select((of) => of.fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow();
  return n;
}
