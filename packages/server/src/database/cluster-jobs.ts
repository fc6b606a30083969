import type { Millis } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import { CLOCK_TOLERANCE } from '../time/clock.ts';
import type { ClusterJob } from './metadata.ts';
import type { Tables } from './schema.ts';
import { addMillis, DATABASE_NOW } from './time.ts';

/** An arbitrary number that no other advisory lock in the database uses. Migrations use another one. */
const LEADER_LOCK = 5_733_197;

/**
 * Runs a job on one node at a time, and at most once per interval on all nodes together. Does nothing while another node
 * runs it, or soon afterward. PostgreSQL only: the lock is an advisory lock on one connection of `db`, so it ends with the
 * node. If the connection breaks, another node can start the job while this one is still running it. So the lock only
 * saves work; the job must be safe to run concurrently.
 */
export async function withLeaderLock(
  db: Kysely<Tables>,
  { interval, run }: { interval: Millis; run: () => Promise<void> },
): Promise<void> {
  await db.connection().execute(async (connection) => {
    const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_lock(${LEADER_LOCK}) as locked`.execute(
      connection,
    );
    if (rows[0]?.locked !== true) return;
    try {
      if (await claimRun(connection, 'last-maintenance-run', interval)) await run();
    } finally {
      await sql`select pg_advisory_unlock(${LEADER_LOCK})`.execute(connection);
    }
  });
}

/**
 * Whether the job is due, by the database's clock. If so, records that it starts now. A last start in the future means that
 * the clock was set back, so the job is due then too. PostgreSQL only.
 */
export async function claimRun(db: Kysely<Tables>, job: ClusterJob, interval: Millis): Promise<boolean> {
  // A little less than the interval, because timers of nodes differ a little.
  const due = sql<boolean>`(metadata.value::bigint <= ${addMillis(DATABASE_NOW, -Math.floor(interval * 0.9))}
    or metadata.value::bigint > ${addMillis(DATABASE_NOW, CLOCK_TOLERANCE)})`;
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('metadata')
    .values({ name: job, value: sql<string>`${DATABASE_NOW}::text` })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet({ value: (row) => row.ref('excluded.value') })
        .where(due),
    )
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}
