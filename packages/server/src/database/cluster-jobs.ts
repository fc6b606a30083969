import type { Millis } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import { CLOCK_TOLERANCE } from '../time/clock.ts';
import type { ClusterJob } from './metadata.ts';
import type { Tables } from './schema.ts';
import { DATABASE_NOW, shifted } from './time.ts';

/** Any number will do that no other program takes in a database of ours; the migrations have another one. */
const LEADER_LOCK = 5_733_197;

/**
 * Runs rounds of work on one node at a time, and no more often than once in an interval over all nodes together. What
 * asks while another node is at it, or soon after, does nothing. The lock is PostgreSQL's, on one connection of `db` that
 * the round keeps: it goes with the node. Where that connection breaks another node may begin beside this one, so a round
 * must bear company; the lock saves work, and keeps nothing safe.
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
 * Whether this work last began long enough ago, by the database's clock; if so, it begins now. A beginning in the future
 * says that the clock was set back since: then it is due, too. PostgreSQL's alone.
 */
export async function claimRun(db: Kysely<Tables>, work: ClusterJob, interval: Millis): Promise<boolean> {
  // A little less, for nodes whose timers run a little faster than the work takes.
  const due = sql<boolean>`(metadata.value::bigint <= ${shifted(DATABASE_NOW, -Math.floor(interval * 0.9))}
    or metadata.value::bigint > ${shifted(DATABASE_NOW, CLOCK_TOLERANCE)})`;
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('metadata')
    .values({ name: work, value: sql<string>`${DATABASE_NOW}::text` })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet({ value: (row) => row.ref('excluded.value') })
        .where(due),
    )
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}
