import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { sql } from 'kysely';
import { claimRun, withLeaderLock } from '../../packages/server/src/database/cluster-jobs.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import { noPostgres } from '../engines/postgres.ts';
import { newPostgresDatabase, stopPostgres } from './postgres-database.ts';

describe('background jobs on several nodes', { skip: noPostgres, timeout: 600_000 }, () => {
  after(stopPostgres);

  it('run on one node at a time, and once per interval across all nodes', async () => {
    await using database = await newPostgresDatabase();
    const nodes = Array.from({ length: 4 }, () => openPostgres(database.url, { connections: 2 }));
    let [running, most, runs] = [0, 0, 0];
    const run = async () => {
      running += 1;
      runs += 1;
      most = Math.max(most, running);
      await sql`select pg_sleep(0.02)`.execute(await database.open());
      running -= 1;
    };
    await Promise.all(nodes.map((db) => withLeaderLock(db, { interval: 60_000, run })));
    await Promise.all(nodes.map((db) => withLeaderLock(db, { interval: 60_000, run })));
    assert.equal(runs, 1);
    for (let turn = 0; turn < 5; turn++) {
      await Promise.all(nodes.map((db) => withLeaderLock(db, { interval: 0, run })));
    }
    assert.equal(most, 1);
    assert.ok(runs >= 6, `${runs} runs`);
    for (const node of nodes) await node.destroy();
  });

  it('run an expensive part once per its own interval, on one node', async () => {
    await using database = await newPostgresDatabase();
    const db = await database.open();
    const claims = await Promise.all(Array.from({ length: 8 }, () => claimRun(db, 'last-orphan-scan', 60_000)));
    assert.equal(claims.filter(Boolean).length, 1);
    assert.equal(await claimRun(db, 'last-maintenance-run', 60_000), true);
    assert.equal(await claimRun(db, 'last-orphan-scan', 60_000), false);
    assert.equal(await claimRun(db, 'last-orphan-scan', 0), true);
  });

  it("do not stop for as long as the database's clock was set back", async () => {
    await using database = await newPostgresDatabase();
    const db = await database.open();
    assert.equal(await claimRun(db, 'last-maintenance-run', 60_000), true);
    await sql`update metadata set value = (value::bigint + 86400000)::text where name = 'last-maintenance-run'`.execute(
      db,
    );
    assert.equal(await claimRun(db, 'last-maintenance-run', 60_000), true, 'the last run was in the future');
    assert.equal(await claimRun(db, 'last-maintenance-run', 60_000), false);
  });

  it('can run again if one fails or its connection is lost', async () => {
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
    // PostgreSQL releases the lock a moment after it has closed the connection.
    while (!ran) await withLeaderLock(second, { interval: 0, run });
    await first.destroy();
    await second.destroy();
  });
});
