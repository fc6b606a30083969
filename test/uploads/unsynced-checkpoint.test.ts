import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import type { NodeId } from '../../packages/protocol/src/ids.ts';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { recordBlob } from '../../packages/server/src/files/blobs.ts';
import type { HashState } from '../../packages/server/src/hash-workers/resumable-pool.ts';
import { findHashCheckpoint, saveHashCheckpoint } from '../../packages/server/src/uploads/hashing/checkpoint.ts';
import { insertPart, insertSession } from '../../packages/server/src/uploads/session-store.ts';
import { noPostgres, startPostgres } from '../engines/postgres.ts';
import { until } from '../support/until.ts';
import { newPart, newSession } from './session-samples.ts';

const [ONE, OTHER] = ['1111111111111111' as NodeId, '2222222222222222' as NodeId];

test('saving a checkpoint and notifying the next node do not wait for a sync, and do not block other statements', {
  skip: noPostgres,
  // Without the behavior under test, it would wait forever.
  timeout: 120_000,
}, async () => {
  await using postgres = await startPostgres({ settings: { synchronous_commit: 'on' } });
  await using opened = new AsyncDisposableStack();
  const [db, aside, third] = [1, 2, 3].map(() => {
    const pool = openPostgres(postgres.url, { connections: 1 });
    opened.defer(() => pool.destroy());
    return pool;
  }) as [Kysely<Tables>, Kysely<Tables>, Kysely<Tables>];
  await migrate(db);
  const session = newSession(await addUser(db, { login: 'mark', name: 'Mark', now: 0 }));
  await recordBlob(db, { blob: session.staged.blob, owner: session.owner }, 0);
  await insertSession(db, session, 0);
  await insertPart(db, session.id, newPart(1), 0, OTHER);

  // From now on, commits that have to be durable wait for a standby that never connects.
  await setStandbys(aside, 'nobody');
  const blocked = await waitForBlockedCommit(third, aside);

  const to = { parts: 1, state: 'state' as HashState };
  const moved = await saveHashCheckpoint(db, session.id, {
    from: { parts: 0, state: undefined },
    to,
    by: ONE,
    notify: true,
  });
  assert.deepEqual(moved, { next: OTHER });
  assert.deepEqual(await findHashCheckpoint(db, session.id), { ...to, next: OTHER });

  // On the same connection, right after it.
  const ordinary = sql`update upload_sessions set name = 'waits'`.execute(db);
  await until(async () => (await countWaiting(aside)) === 2);
  await setStandbys(aside, '');
  await Promise.all([blocked.ended, ordinary]);
});

/** An ordinary change that waits for its commit; earlier ones were committed before PostgreSQL had read the setting. */
async function waitForBlockedCommit(db: Kysely<Tables>, aside: Kysely<Tables>): Promise<{ ended: Promise<unknown> }> {
  for (;;) {
    let over = false;
    const ended = sql`update users set name = 'waits'`.execute(db).finally(() => {
      over = true;
    });
    await until(async () => over || (await countWaiting(aside)) === 1);
    if (!over) return { ended };
    await ended;
  }
}

async function countWaiting(aside: Kysely<Tables>): Promise<number> {
  const { rows } = await sql`select from pg_stat_activity where wait_event = 'SyncRep'`.execute(aside);
  return rows.length;
}

/** Sets which standbys have to confirm a commit, for every connection. */
async function setStandbys(db: Kysely<Tables>, names: string): Promise<void> {
  await sql`alter system set synchronous_standby_names = ${sql.lit(names)}`.execute(db);
  await sql`select pg_reload_conf()`.execute(db);
  const shown = sql<{ synchronous_standby_names: string }>`show synchronous_standby_names`;
  await until(async () => (await shown.execute(db)).rows[0]?.synchronous_standby_names === names);
}
