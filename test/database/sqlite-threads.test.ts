import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { type Kysely, sql } from 'kysely';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { DatabaseError } from '../../packages/server/src/database/errors.ts';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { openSqlite } from '../../packages/server/src/database/sqlite/sqlite.ts';
import { until } from '../support/until.ts';
import { type Database, newDatabase } from './database.ts';
import { lockDatabase } from './locked-database.ts';

describe('a database thread that dies', () => {
  it('between two statements of a transaction prevents the later ones from running alone', async () => {
    await using u = await openDatabase();
    const transaction = u.db.transaction().execute(async (tx) => {
      await addUserIn(tx, 1);
      await u.kill('writer');
      await assert.rejects(addUserIn(tx, 2), isUnavailable);
      // A read opens the file again, while the transaction still has the writer.
      assert.equal(await countUsers(u.db), 0);
      await addUserIn(tx, 3);
    });
    await assert.rejects(transaction, isUnavailable);
    assert.equal(await countUsers(u.db), 0);
    await addUserIn(u.db, 4);
    assert.equal(await countUsers(u.db), 1);
  });

  it('before the commit of a transaction fails the transaction', async () => {
    await using u = await openDatabase();
    const transaction = u.db.transaction().execute(async (tx) => {
      await addUserIn(tx, 1);
      await u.kill('writer');
    });
    await assert.rejects(transaction, isUnavailable);
    assert.equal(await countUsers(u.db), 0);
  });

  it('with queued writes leaves these to its successor', async () => {
    await using u = await openDatabase();
    using lock = lockDatabase(u.database.path);
    const sent = Promise.allSettled([addUserIn(u.db, 1)]);
    const waiting = [2, 3, 4].map((n) => addUserIn(u.db, n));
    await countUsers(u.db);
    const killed = u.kill('writer');
    lock.release();
    await killed;
    // It is undefined whether it got the lock before it died; what was sent to it is written if it says so.
    const [outcome] = await sent;
    await Promise.all(waiting);
    assert.ok((await countUsers(u.db)) >= (outcome?.status === 'fulfilled' ? 4 : 3));
  });

  it('while idle is replaced when it is needed, however often', async () => {
    await using u = await openDatabase();
    for (let n = 1; n <= 3; n++) {
      await addUser(u.db, sampleUser(n));
      assert.equal(await countUsers(u.db), n);
      await u.kill('writer');
      await u.kill('reader');
    }
    assert.equal(await countUsers(u.db), 3);
    assert.equal(u.deaths.length, 6);
  });

  it('leaves a database that can be closed', async () => {
    await using u = await openDatabase();
    await countUsers(u.db);
    await u.kill('writer');
    await u.kill('reader');
    await u.db.destroy();
  });

  it('is not caused by an answer that is too large: only that statement fails, with many rows or one large value', async () => {
    await using u = await openDatabase();
    const rows = (value: string, count: number) =>
      sql`select ${sql.raw(value)} as value from
        (with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count}) select i from n)`;
    const tooLarge = /The result of a query is larger than/;
    await assert.rejects(rows('hex(zeroblob(1000000))', 1000).execute(u.db), tooLarge);
    await assert.rejects(rows('1', 5_000_000).execute(u.db), tooLarge);
    await assert.rejects(rows('hex(zeroblob(200000000))', 1).execute(u.db), /string or blob too big/);
    const transaction = u.db.transaction().execute((tx) => rows('1', 5_000_000).execute(tx));
    await assert.rejects(transaction, tooLarge);
    await addUser(u.db, sampleUser(1));
    assert.equal(await countUsers(u.db), 1);
    assert.deepEqual(u.deaths, []);
  });
});

interface OpenDatabase extends AsyncDisposable {
  database: Database;
  db: Kysely<Tables>;
  deaths: Error[];
  /** Ends the writing or reading thread, like a crash, and waits for its end. */
  kill(which: 'writer' | 'reader'): Promise<void>;
}

async function openDatabase(): Promise<OpenDatabase> {
  const database = await newDatabase();
  const threads: Worker[] = [];
  const onWorker = (thread: Worker) => threads.push(thread);
  process.on('worker', onWorker);
  const deaths: Error[] = [];
  const db = openSqlite(database.path, { readers: 1, onThreadExit: (error) => deaths.push(error) });
  await migrate(db);
  await countUsers(db);
  return {
    database,
    db,
    deaths,
    async kill(which) {
      // A thread that has ended has no name.
      const thread = threads.find(({ threadName }) => threadName === `sqlite-${which}`);
      if (thread === undefined) throw new Error(`no ${which} is running`);
      await thread.terminate();
      await until(() => thread.threadId === -1);
    },
    async [Symbol.asyncDispose]() {
      process.off('worker', onWorker);
      await db.destroy();
      await database[Symbol.asyncDispose]();
    },
  };
}

function isUnavailable(error: unknown): true {
  assert.ok(error instanceof DatabaseError, String(error));
  assert.equal(error.code, 'unavailable');
  assert.equal(error.retryAfterSeconds, 1);
  return true;
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
