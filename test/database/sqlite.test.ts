import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { findUserByLogin } from '../../packages/server/src/auth/users/store.ts';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { openSqlite } from '../../packages/server/src/database/sqlite/sqlite.ts';
import { recordsBehave } from '../conformance/records.ts';
import { killAtExit } from '../support/leftovers.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { newDatabase } from './database.ts';

recordsBehave('the records in SQLite', async () => {
  const database = await newDatabase();
  const close = async () => database[Symbol.asyncDispose]();
  return { db: await database.open(), openAnother: database.open, close };
});

describe('an SQLite database', () => {
  it('has its rows after it is opened again, whether it was closed cleanly or not', async () => {
    await using database = await newDatabase();
    const first = await database.open();
    const user = await addUser(first, sampleUser(1));
    assert.partialDeepStrictEqual(await findUserByLogin(await database.open(), user.login), user);
    await first.destroy();
    assert.partialDeepStrictEqual(await findUserByLogin(await database.open(), user.login), user);
  });

  it('syncs every commit before it answers, and lets readers work in parallel with writers', async () => {
    await using database = await newDatabase();
    for (const db of [await database.open(), await database.open()]) {
      const [FULL, ON] = [2, 1];
      assert.equal(await pragma(db, 'synchronous'), FULL);
      assert.equal(await pragma(db, 'journal_mode'), 'wal');
      assert.equal(await pragma(db, 'foreign_keys'), ON);
      assert.ok(Number(await pragma(db, 'busy_timeout')) >= 5_000);
    }
  });

  it('lets a transaction in progress end before it closes', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const transaction = db.transaction().execute(async (tx) => {
      await sql`create table proof (n integer)`.execute(tx);
      begun.resolve();
      await go.promise;
      await sql`insert into proof values (1)`.execute(tx);
    });
    await begun.promise;
    const closed = db.destroy();
    go.resolve();
    await Promise.all([transaction, closed]);
    const { rows } = await sql`select n from proof`.execute(await database.open());
    assert.deepEqual(rows, [{ n: 1 }]);
  });

  it('isolates a transaction from what other callers write', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    await sql`create table proof (n integer)`.execute(db);
    const order: string[] = [];
    const transaction = db.transaction().execute(async (tx) => {
      for (const n of [1, 2, 3]) {
        await sql`insert into proof values (${n})`.execute(tx);
        order.push(`inside ${n}`);
      }
    });
    const outside = sql`insert into proof values (4)`.execute(db).then(() => order.push('outside'));
    await Promise.all([transaction, outside]);
    assert.deepEqual(order, ['inside 1', 'inside 2', 'inside 3', 'outside']);
  });

  it('works after a statement or a transaction that failed', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    await assert.rejects(sql`select * from nowhere`.execute(db), /SQLite: no such table/);
    const failing = db.transaction().execute((tx) => sql`select * from nowhere`.execute(tx));
    await assert.rejects(failing, /SQLite: no such table/);
    await addUser(db, sampleUser(1));
  });

  it('waits with its writes while another process writes', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    const other = spawn(process.execPath, ['--no-warnings', '-e', WRITER, database.path], { stdio: 'pipe' });
    killAtExit(other);
    await once(other.stdout, 'data');
    let added = false;
    const adding = addUser(db, sampleUser(1)).then(() => {
      added = true;
    });
    // This alone proves nothing: it gives a write that does not wait the time to fail.
    await sleep(200);
    assert.equal(added, false);
    other.stdin.end('commit now');
    await adding;
    assert.ok(await findUserByLogin(db, sampleUser(1).login));
    assert.ok(await findUserByLogin(db, 'other process'));
    if (other.exitCode === null) await once(other, 'exit');
    assert.equal(other.exitCode, 0);
  });

  it('that a newer version has used is rejected and left unchanged', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    await sql`insert into kysely_migration (name, timestamp) values ('9999-from-the-future', '2099')`.execute(db);
    await assert.rejects(migrate(db), /created by another version of Partway/);
    await addUser(db, sampleUser(1));
  });

  it('whose first start died at any statement is completed by the next start', async () => {
    for (let last = 1; ; last++) {
      await using database = await newDatabase({ readers: 0 });
      let left = last;
      const dyingDb = watchQueries(database.openUnmigrated(), {
        beforeAny: () => {
          if (left-- === 0) throw new Error('the process died here');
        },
      });
      const died = await migrate(dyingDb).then(
        () => false,
        () => true,
      );
      const db = await database.open();
      await addUser(db, sampleUser(1));
      if (!died) break;
    }
  });

  it('that cannot be opened fails each call with the reason', async () => {
    await using database = await newDatabase();
    const db = openSqlite(`${database.path}/there is no such folder/rows.sqlite`);
    await assert.rejects(migrate(db), /unable to open/);
    await assert.rejects(findUserByLogin(db, 'a'), /unable to open/);
    await db.destroy();
  });
});

/** Takes the write lock, reports that, and releases it after inserting one user when it is told to. */
const WRITER = `
  const { DatabaseSync } = require('node:sqlite');
  const db = new DatabaseSync(process.argv[1]);
  db.exec('begin immediate');
  db.exec("insert into users (id, login, login_key, name, name_key, role, details, root_id, created_at, modified_at) values (1, 'other process', 'other process', '', '', 'user', '', 1, 1, 1)");
  console.log('held');
  process.stdin.on('end', () => { db.exec('commit'); db.close(); }).resume();
`;

function sampleUser(n: number): { login: string; name: string; now: number } {
  return { login: `user-${n}@partway.test`, name: `User ${n}`, now: n };
}

async function pragma(db: Kysely<Tables>, name: string): Promise<unknown> {
  const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${name}`).execute(db);
  return Object.values(rows[0] ?? {})[0];
}
