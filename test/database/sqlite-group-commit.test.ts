import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { DatabaseError } from '../../packages/server/src/database/errors.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { recordBlob } from '../../packages/server/src/files/blobs.ts';
import type { Session } from '../../packages/server/src/uploads/session.ts';
import {
  countParts,
  deleteOpenSession,
  insertPart,
  insertSession,
} from '../../packages/server/src/uploads/session-store.ts';
import { newPart, newSession } from '../uploads/session-samples.ts';
import { newDatabase } from './database.ts';
import { countCommitsInLog, lockDatabase } from './locked-database.ts';

const PARTS = 40;

describe('statements that wait for the disk together', () => {
  it('share a commit: 40 parts in parallel, behind a slow one, need two', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    const session = await openSession(db);
    const before = countCommitsInLog(database.path);
    using lock = lockDatabase(database.path);
    const made = Array.from({ length: PARTS }, (_, slot) => insertPart(db, session.id, newPart(slot), 1));
    await reads(db);
    lock.release();
    assert.deepEqual(await Promise.all(made), Array(PARTS).fill(true));
    const commits = countCommitsInLog(database.path) - before;
    assert.ok(commits <= 2, `${PARTS} parts took ${commits} commits`);
    assert.equal(await countParts(db, session.id), PARTS);
  });

  it('have separate results: a taken part and an ended session do not count, the others do', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    const [session, ended] = [await openSession(db), await openSession(db)];
    await deleteOpenSession(db, ended.id);
    await insertPart(db, session.id, newPart(3), 1);
    using lock = lockDatabase(database.path);
    const made = [
      insertPart(db, session.id, newPart(0), 1),
      insertPart(db, session.id, newPart(1), 1),
      insertPart(db, ended.id, newPart(2), 1),
      insertPart(db, session.id, newPart(3), 1),
      insertPart(db, session.id, newPart(4), 1),
      insertPart(db, session.id, newPart(4), 1),
    ];
    await reads(db);
    lock.release();
    assert.deepEqual(await Promise.all(made), [true, true, false, false, true, false]);
    assert.equal(await countParts(db, session.id), 4);
  });

  it('do not fail because one of them does', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    const session = await openSession(db);
    const before = countCommitsInLog(database.path);
    using lock = lockDatabase(database.path);
    const made = Promise.allSettled([
      insertPart(db, session.id, newPart(0), 1),
      insertPart(db, session.id, newPart(1), 1),
      sql`insert into parts (session_id, part_index) values (${session.id}, 2)`.execute(db),
      sql`insert into nowhere values (1)`.execute(db),
      sql`insert into parts select * from parts`.execute(db),
      insertPart(db, session.id, newPart(5), 1),
    ]);
    await reads(db);
    lock.release();
    const outcomes = (await made).map(({ status }) => status);
    assert.deepEqual(outcomes, ['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled']);
    assert.equal(await countParts(db, session.id), 3);
    assert.ok(countCommitsInLog(database.path) - before <= 2);
  });

  it('all fail with the transaction that they share, and leave nothing', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    await sql`create table strict_rows (n integer primary key, other integer references strict_rows deferrable initially deferred)`.execute(
      db,
    );
    using lock = lockDatabase(database.path);
    const first = sql`insert into strict_rows values (1, null)`.execute(db);
    // Only the commit detects that the second one references nothing.
    const together = Promise.allSettled([
      sql`insert into strict_rows values (2, null)`.execute(db),
      sql`insert into strict_rows values (3, 77)`.execute(db),
      sql`insert into strict_rows values (4, null)`.execute(db),
    ]);
    await reads(db);
    lock.release();
    await first;
    for (const outcome of await together) {
      assert.equal(outcome.status, 'rejected');
      assert.ok(outcome.reason instanceof DatabaseError, String(outcome.reason));
      assert.equal(outcome.reason.code, 'busy');
    }
    assert.deepEqual((await sql`select n from strict_rows`.execute(db)).rows, [{ n: 1 }]);
    await sql`insert into strict_rows values (5, 1)`.execute(db);
  });

  it('return their rows when they are committed', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    await sql`create table numbers (n integer)`.execute(db);
    using lock = lockDatabase(database.path);
    const returned = [1, 2, 3].map((n) =>
      sql<{ n: number }>`insert into numbers values (${n}) returning n`.execute(db).then(({ rows }) => rows),
    );
    await reads(db);
    lock.release();
    assert.deepEqual(await Promise.all(returned), [[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]]);
  });

  it('do not wait longer than one transaction for a transaction that was sent before some of them', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    await sql`create table numbers (n integer)`.execute(db);
    const before = countCommitsInLog(database.path);
    using lock = lockDatabase(database.path);
    const all = [];
    for (let n = 0; n < 10; n++) {
      all.push(sql`insert into numbers values (${n})`.execute(db));
      if (n < 2) all.push(db.transaction().execute((tx) => sql`insert into numbers values (${100 + n})`.execute(tx)));
    }
    await reads(db);
    lock.release();
    await Promise.all(all);
    // The first, the two transactions, and one for all the others.
    assert.ok(countCommitsInLog(database.path) - before <= 4);
    assert.equal((await sql`select n from numbers`.execute(db)).rows.length, 12);
  });

  it('are unavailable if another process does not release the lock in time', async () => {
    await using database = await newDatabase();
    const db = await database.open();
    const session = await openSession(db);
    using _lock = lockDatabase(database.path);
    await assert.rejects(insertPart(db, session.id, newPart(0), 1), (error) => {
      assert.ok(error instanceof DatabaseError);
      assert.equal(error.code, 'unavailable');
      return true;
    });
    assert.equal(await countParts(db, session.id), 0);
  });
});

async function openSession(db: Kysely<Tables>): Promise<Session> {
  const login = `${Math.random()}@partway.test`;
  const session = newSession(await addUser(db, { login, name: 'N', now: 1 }));
  await recordBlob(db, { blob: session.staged.blob, owner: session.owner }, 1);
  await insertSession(db, session, 1);
  return session;
}

/** Reads run in parallel with writes: when these have answered, the writes have been sent. */
async function reads(db: Kysely<Tables>): Promise<void> {
  for (let n = 0; n < 5; n++) await sql`select 1`.execute(db);
}
