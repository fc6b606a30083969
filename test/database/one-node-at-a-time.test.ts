import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { sql } from 'kysely';
import { claimRun, withLeaderLock } from '../../packages/server/src/database/cluster-jobs.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import { noPostgres } from '../engines/postgres.ts';
import { newPostgresDatabase, stopPostgres } from './postgres-database.ts';

describe('rounds of chores on several nodes', { skip: noPostgres, timeout: 600_000 }, () => {
  after(stopPostgres);

  it('run on one at a time, and once in an interval over all together', async () => {
    await using database = await newPostgresDatabase();
    const nodes = Array.from({ length: 4 }, () => openPostgres(database.url, { connections: 2 }));
    let [running, most, rounds] = [0, 0, 0];
    const run = async () => {
      running += 1;
      rounds += 1;
      most = Math.max(most, running);
      await sql`select pg_sleep(0.02)`.execute(await database.open());
      running -= 1;
    };
    await Promise.all(nodes.map((db) => withLeaderLock(db, { interval: 60_000, run })));
    await Promise.all(nodes.map((db) => withLeaderLock(db, { interval: 60_000, run })));
    assert.equal(rounds, 1);
    for (let turn = 0; turn < 5; turn++) {
      await Promise.all(nodes.map((db) => withLeaderLock(db, { interval: 0, run })));
    }
    assert.equal(most, 1);
    assert.ok(rounds >= 6, `${rounds} rounds`);
    for (const node of nodes) await node.destroy();
  });

  it('leave what is dear to one of them once in its own interval', async () => {
    await using database = await newPostgresDatabase();
    const db = await database.open();
    const asked = await Promise.all(Array.from({ length: 8 }, () => claimRun(db, 'last-orphan-scan', 60_000)));
    assert.equal(asked.filter(Boolean).length, 1);
    assert.equal(await claimRun(db, 'last-maintenance-run', 60_000), true);
    assert.equal(await claimRun(db, 'last-orphan-scan', 60_000), false);
    assert.equal(await claimRun(db, 'last-orphan-scan', 0), true);
  });

  it('do not stop for as long as the clock of the database was set back', async () => {
    await using database = await newPostgresDatabase();
    const db = await database.open();
    assert.equal(await claimRun(db, 'last-maintenance-run', 60_000), true);
    await sql`update metadata set value = (value::bigint + 86400000)::text where name = 'last-maintenance-run'`.execute(
      db,
    );
    assert.equal(await claimRun(db, 'last-maintenance-run', 60_000), true, 'the last one began in the future');
    assert.equal(await claimRun(db, 'last-maintenance-run', 60_000), false);
  });

  it('are free again where one fails, or its connection is lost', async () => {
    await using database = await newPostgresDatabase();
    const [first, second] = [openPostgres(database.url), openPostgres(database.url)];
    const fails = async () => {
      throw new Error('the round failed');
    };
    await assert.rejects(withLeaderLock(first, { interval: 0, run: fails }), /the round failed/);
    const cut = async () => {
      await sql`select pg_terminate_backend(pid) from pg_locks
        where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`.execute(
        second,
      );
    };
    await assert.rejects(withLeaderLock(first, { interval: 0, run: cut }), { code: 'unavailable' });
    let ran = false;
    const run = async () => {
      ran = true;
    };
    // PostgreSQL gives the lock back a moment after it has cut the connection.
    while (!ran) await withLeaderLock(second, { interval: 0, run });
    await first.destroy();
    await second.destroy();
  });
});
