import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { findUserByLogin } from '../../packages/server/src/auth/users/store.ts';
import { DatabaseError } from '../../packages/server/src/database/errors.ts';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { noPostgres, type Postgres, startPostgres } from '../engines/postgres.ts';
import { administer, createDatabase } from '../engines/postgres-database.ts';
import { startTcpProxy, type TcpProxy } from '../engines/tcp-proxy.ts';
import { mountSmallDisk } from '../faults/small-disk.ts';
import { untilItFails } from '../support/until-it-fails.ts';

const USER = { login: 'user@partway.test', name: 'User', now: 1 };

describe('when PostgreSQL is unavailable or fails', { skip: noPostgres, timeout: 600_000 }, () => {
  let server: Postgres;
  let url: string;
  before(async () => {
    server = await startPostgres();
    url = await createDatabase(server.url, 'partway');
    const db = openPostgres(url);
    await migrate(db);
    await addUser(db, USER);
    await db.destroy();
  });
  after(() => server[Symbol.asyncDispose]());

  for (const [fault, happens] of Object.entries({
    stopped: () => server.stop(),
    killed: () => server.kill(),
  })) {
    it(`${fault}, statements and transactions are unavailable, and work when it is back`, async () => {
      const db = openPostgres(url);
      // Several connections, so that some are idle and some in use when it stops.
      await Promise.all(Array.from({ length: 10 }, () => sql`select pg_sleep(0.01)`.execute(db)));
      const held = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const transaction = db.transaction().execute(async (tx) => {
        await sql`update users set name = 'never'`.execute(tx);
        begun.resolve();
        await held.promise;
        await sql`update users set name = 'never again'`.execute(tx);
      });
      const sleeping = sql`select pg_sleep(60)`.execute(db);
      await begun.promise;
      const cut = assert.rejects(sleeping, isUnavailable);
      await happens();
      held.resolve();
      await assert.rejects(transaction, isUnavailable);
      await cut;
      await assert.rejects(findUserByLogin(db, USER.login), isUnavailable);
      await assert.rejects(
        db.transaction().execute((tx) => findUserByLogin(tx, USER.login)),
        isUnavailable,
      );
      await server.start();
      assert.equal((await findUserByLogin(db, USER.login))?.name, 'User');
      await db.destroy();
    });
  }

  it('a connection that is cut in the middle of a transaction affects nothing else', async () => {
    await using line = await startTcpProxy(Number(new URL(url).port));
    const db = openPostgres(proxiedUrl(line, url));
    await assert.rejects(
      db.transaction().execute(async (tx) => {
        await sql`update users set name = 'never'`.execute(tx);
        line.cut();
        await sql`select 1`.execute(tx);
      }),
      isUnavailable,
    );
    assert.equal((await findUserByLogin(db, USER.login))?.name, 'User');
    await db.destroy();
  });

  it('a response that never arrives is not awaited forever, and is not mistaken for the next one', async () => {
    await using line = await startTcpProxy(Number(new URL(url).port));
    const db = openPostgres(proxiedUrl(line, url), { connections: 1, statementTimeout: 100 });
    await sql`select 1`.execute(db);
    line.freeze();
    await assert.rejects(sql`select 2`.execute(db), isUnavailable);
    const { rows } = await sql<{ n: number }>`select 3 as n`.execute(db);
    assert.deepEqual(rows, [{ n: 3 }]);
    await db.destroy();
  });

  it('a statement that takes too long is canceled, and its connection is reused', async () => {
    const db = openPostgres(url, { connections: 1, statementTimeout: 50 });
    const backend = () => sql`select pg_backend_pid() as pid`.execute(db).then(({ rows }) => rows);
    const before = await backend();
    await assert.rejects(sql`select pg_sleep(10)`.execute(db), isUnavailable);
    assert.deepEqual(await backend(), before);
    await db.destroy();
  });

  it('too many connections are reported as unavailable, with a retry time', async () => {
    await administer(server.url, 'create role narrow login connection limit 1');
    const narrow = Object.assign(new URL(url), { username: 'narrow' }).href;
    const [first, second] = [openPostgres(narrow), openPostgres(narrow)];
    await sql`select 1`.execute(first);
    await assert.rejects(sql`select 1`.execute(second), isUnavailable);
    await first.destroy();
    await second.destroy();
  });

  it('if two transactions wait for each other, one is unavailable and the other one continues', async () => {
    const db = openPostgres(url);
    await addUser(db, { login: 'other@partway.test', name: 'Other', now: 1 });
    const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const touch = (tx: Kysely<Tables>, login: string) =>
      sql`update users set name = name where login = ${login}`.execute(tx);
    const crossing = async (n: 0 | 1, first: string, second: string) =>
      db.transaction().execute(async (tx) => {
        await touch(tx, first);
        both[n]?.resolve();
        await both[1 - n]?.promise;
        await touch(tx, second);
      });
    const results = await Promise.allSettled([
      crossing(0, USER.login, 'other@partway.test'),
      crossing(1, 'other@partway.test', USER.login),
    ]);
    const lost = results.filter((result) => result.status === 'rejected');
    assert.equal(lost.length, 1);
    isUnavailable(lost[0]?.reason);
    await db.destroy();
  });

  it('a full disk is reported, and existing rows are kept', async (t) => {
    await using disk = await mountSmallDisk('24m');
    if (disk.reason !== undefined) return t.skip(disk.reason);
    server.own(disk.folder);
    const ballast = join(disk.folder, 'ballast');
    await writeFile(ballast, Buffer.alloc(8 * 2 ** 20));
    await administer(server.url, `create tablespace small location '${disk.folder}'`);
    const db = openPostgres(url);
    await sql`create table filling (row text) tablespace small`.execute(db);
    const fill = () => sql`insert into filling select repeat(md5(n::text), 60) from generate_series(1, 2000) as n`;
    const failure = await untilItFails(100, async () => fill().execute(db));
    assert.ok(failure instanceof DatabaseError, String(failure));
    assert.equal(failure.code, 'full');
    assert.ok(await findUserByLogin(db, USER.login));
    await rm(ballast);
    await fill().execute(db);
    await sql`drop table filling`.execute(db);
    await administer(server.url, 'drop tablespace small');
    await db.destroy();
  });

  it("values that it cannot store are the client's error; wrong statements stay internal errors", async () => {
    const db = openPostgres(url);
    await assert.rejects(findUserByLogin(db, 'a\0b'), (error: DatabaseError) => error.code === 'invalid-text');
    await assert.rejects(sql`select * from nowhere`.execute(db), /relation "nowhere" does not exist/);
    await db.destroy();
  });
});

function isUnavailable(error: unknown): true {
  assert.ok(error instanceof DatabaseError, String(error));
  assert.equal(error.code, 'unavailable');
  assert.ok((error.retryAfterSeconds ?? 0) > 0);
  return true;
}

function proxiedUrl(line: TcpProxy, url: string): string {
  return Object.assign(new URL(url), { port: String(line.port) }).href;
}
