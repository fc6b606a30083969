import type { NodeId, SessionId } from '@partway/protocol/ids';
import { type ExpressionBuilder, type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { addMillis, type Instant } from '../../database/time.ts';
import type { HashState } from '../../hash-workers/resumable-pool.ts';
import { CLOCK_TOLERANCE } from '../../time/clock.ts';
import { channelFor } from './node-messages.ts';

/** A saved state of a session's whole-file hash, stored in the session's row. */
export interface HashCheckpoint {
  /** The number of parts that the hash includes; -1 if it must be computed from scratch from the complete blob. */
  parts: number;
  state: HashState | undefined;
}

/** The checkpoint of a hash that can no longer be computed part by part. It is only set explicitly. */
export const REHASH: HashCheckpoint = { parts: -1, state: undefined };

/** A checkpoint, and the node that has the bytes of the next part. */
export interface HashCheckpointWithOwner extends HashCheckpoint {
  /** Empty if no node has the bytes; undefined if the part is not stored. */
  next: NodeId | undefined;
}

/** Finds the checkpoint of an open session; undefined if the session is not open. */
export async function findHashCheckpoint(
  db: Kysely<Tables>,
  session: SessionId,
): Promise<HashCheckpointWithOwner | undefined> {
  const row = await db
    .selectFrom('upload_sessions')
    .select(['hashed_parts', 'hash_state', nextNode])
    .where('id', '=', session)
    .where('state', '=', 'open')
    .executeTakeFirst();
  return row && { ...checkpointFromRow(row), next: row.next_node ?? undefined };
}

/** Finds the checkpoints of several sessions. Sessions that are not open are missing in the result. */
export async function findHashCheckpoints(
  db: Kysely<Tables>,
  sessions: readonly SessionId[],
): Promise<Map<SessionId, HashCheckpoint>> {
  const rows = await db
    .selectFrom('upload_sessions')
    .select(['id', 'hashed_parts', 'hash_state'])
    .where('id', 'in', sessions)
    .where('state', '=', 'open')
    .execute();
  return new Map(rows.map((row) => [row.id, checkpointFromRow(row)]));
}

interface CheckpointUpdate {
  from: HashCheckpoint;
  to: HashCheckpoint;
  /** The node that saves it. */
  by: NodeId;
  /** Notify the node that has the next part, if it is not `by`. */
  notify: boolean;
  /** For a node that is rehashing the blob: extends its read lease. */
  leaseUntil?: Instant;
}

/**
 * Replaces the checkpoint if it is still `from` and the session is open. This compare-and-set lets several nodes continue
 * one hash without undoing each other's work. The same statement notifies the node that has the next part. Do not call this
 * in a transaction: the whole transaction would be committed without a sync.
 * @returns The node that has the next part; undefined if the checkpoint was not replaced.
 */
export async function saveHashCheckpoint(
  db: Kysely<Tables>,
  session: SessionId,
  { from, to, by, notify, leaseUntil }: CheckpointUpdate,
): Promise<{ next: NodeId | undefined } | undefined> {
  const row = await db
    .updateTable('upload_sessions')
    .set({
      hashed_parts: to.parts,
      hash_state: to.state ?? null,
      ...(leaseUntil !== undefined && { rehash_until: addMillis(leaseUntil, 0) }),
    })
    .where('id', '=', session)
    .where('state', '=', 'open')
    .where(matchesCheckpoint(from))
    .returning(nextNode)
    .$if(notify, (query) => query.returning([notifyNextNode(session, to, by).as('notified'), UNSYNCED]))
    .executeTakeFirst();
  return row && { next: row.next_node ?? undefined };
}

/**
 * A condition for rows with this checkpoint. The state is compared too, because the hash may have been reset and have
 * reached the same part again with other bytes.
 */
export function matchesCheckpoint({ parts, state }: HashCheckpoint) {
  return (eb: ExpressionBuilder<Tables, 'upload_sessions'>) =>
    eb.and([eb('hashed_parts', '=', parts), ...(state === undefined ? [] : [eb('hash_state', '=', state)])]);
}

/**
 * Lets this statement's transaction commit without a sync of PostgreSQL's disk. PostgreSQL commits transactions with
 * notifications one at a time, each until its sync is done, so every node would wait for the syncs of all others. If a crash
 * loses a checkpoint, it is computed again. Only for a statement that is a transaction of its own.
 */
const UNSYNCED = sql<string>`set_config('synchronous_commit', 'off', true)`.as('unsynced');

/** Resets a checkpoint with an unusable state, as after a change of version. Does nothing if it has changed meanwhile. */
export async function resetHashCheckpoint(
  db: Kysely<Tables>,
  session: SessionId,
  { from, by }: Pick<CheckpointUpdate, 'from' | 'by'>,
): Promise<void> {
  await saveHashCheckpoint(db, session, { from, to: REHASH, by, notify: false });
}

/** Resets any checkpoint: the commit computes the hash from the complete blob. */
export async function invalidateHashCheckpoint(db: Kysely<Tables>, session: SessionId): Promise<void> {
  await db
    .updateTable('upload_sessions')
    .set({ hashed_parts: REHASH.parts, hash_state: null })
    .where('id', '=', session)
    .where('state', '=', 'open')
    .execute();
}

/**
 * Acquires the lease for rehashing a session's complete blob, until `until`. Returns the checkpoint to start from, or
 * undefined if another node has the lease or the session is not open. The lease only avoids duplicate work; correctness
 * depends on `saveHashCheckpoint`.
 */
export async function acquireReadLease(
  db: Kysely<Tables>,
  session: SessionId,
  { by, now, until }: { by: NodeId; now: Instant; until: Instant },
): Promise<HashCheckpoint | undefined> {
  const row = await db
    .updateTable('upload_sessions')
    .set({ rehash_node: by, rehash_until: addMillis(until, 0) })
    .where('id', '=', session)
    .where('state', '=', 'open')
    // A lease that ends later than a new one would is from before the clock was set back.
    .where((eb) =>
      eb.or([
        eb('rehash_node', '=', by),
        eb('rehash_until', '<=', addMillis(now, 0)),
        eb('rehash_until', '>', addMillis(until, CLOCK_TOLERANCE)),
      ]),
    )
    .returning(['hashed_parts', 'hash_state'])
    .executeTakeFirst();
  return row && checkpointFromRow(row);
}

/** Releases the lease early, so that another node can acquire it. */
export async function releaseReadLease(db: Kysely<Tables>, session: SessionId, by: NodeId): Promise<void> {
  await db
    .updateTable('upload_sessions')
    .set({ rehash_until: 0 })
    .where('id', '=', session)
    .where('rehash_node', '=', by)
    .execute();
}

export function checkpointFromRow(row: { hashed_parts: number; hash_state: HashState | null }): HashCheckpoint {
  return { parts: row.hashed_parts, state: row.hash_state ?? undefined };
}

/** Selects the node that has the next part after the checkpoint in the row. */
function nextNode(eb: ExpressionBuilder<Tables, 'upload_sessions'>) {
  return eb
    .selectFrom('parts')
    .select('parts.node')
    .whereRef('parts.session_id', '=', 'upload_sessions.id')
    .whereRef('parts.part_index', '=', 'upload_sessions.hashed_parts')
    .where('parts.stored', '=', 1)
    .as('next_node');
}

/** Notifies the node that has the next part, unless that is `by`. PostgreSQL only; sent when the transaction commits. */
function notifyNextNode(session: SessionId, { parts, state }: HashCheckpoint, by: NodeId) {
  const payload = JSON.stringify({ session, parts, state });
  return sql<number | null>`(
    select case when pg_notify(${channelFor('' as NodeId)} || p.node, ${payload}) is null then 0 else 1 end
    from parts p
    where p.session_id = upload_sessions.id and p.part_index = upload_sessions.hashed_parts
      and p.stored = 1 and p.node <> '' and p.node <> ${by}
  )`;
}
