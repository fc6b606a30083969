import type { NodeId, SessionId } from '@partway/protocol/ids';
import { type ExpressionBuilder, type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { type Instant, shifted } from '../../database/time.ts';
import type { HashState } from '../../hash-workers/resumable-pool.ts';
import { CLOCK_TOLERANCE } from '../../time/clock.ts';
import { channelFor } from './node-messages.ts';

/** How far the digest of a session's whole file has come, and what it is there. Plain data: it lies in the row. */
export interface HashCheckpoint {
  /** The slots below this one are in it; -1 where it has to be made anew from the sealed bytes. */
  parts: number;
  state: HashState | undefined;
}

/** The mark of a digest that can no longer be carried on from slot to slot. Nothing leads to it by chance. */
export const REHASH: HashCheckpoint = { parts: -1, state: undefined };

/** A mark, and which node has the bytes of the slot that comes next: empty for none, undefined where it is not stored. */
export interface HashCheckpointWithOwner extends HashCheckpoint {
  next: NodeId | undefined;
}

/** The mark of an open session; undefined where it is not open. */
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

/** The marks of those of the sessions that are open. */
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

/** How a mark is moved. */
interface CheckpointUpdate {
  from: HashCheckpoint;
  to: HashCheckpoint;
  by: NodeId;
  /** Whether the node that has the next slot is to be called, where it is another one. */
  notify: boolean;
  /** For a node that reads the sealed bytes back: until when it alone does so. */
  leaseUntil?: Instant;
}

/**
 * Moves the mark, if it still is where the caller had it and the session is open: the way by which many nodes carry one
 * digest, and by which none puts another's work back. One statement, with the call to the next node; not to be run within
 * a transaction, which it would keep from being synced.
 * @returns Which node has the next slot; undefined where the mark was not moved.
 */
export async function saveHashCheckpoint(
  db: Kysely<Tables>,
  session: SessionId,
  { from, to, by, notify: calling, leaseUntil: readingUntil }: CheckpointUpdate,
): Promise<{ next: NodeId | undefined } | undefined> {
  const row = await db
    .updateTable('upload_sessions')
    .set({
      hashed_parts: to.parts,
      hash_state: to.state ?? null,
      ...(readingUntil !== undefined && { rehash_until: shifted(readingUntil, 0) }),
    })
    .where('id', '=', session)
    .where('state', '=', 'open')
    .where(matchesCheckpoint(from))
    .returning(nextNode)
    .$if(calling, (query) => query.returning([notification(session, to, by).as('called'), UNSYNCED]))
    .executeTakeFirst();
  return row && { next: row.next_node ?? undefined };
}

/**
 * Whether a session's mark is this one. The state says which bytes are in it: a mark that was taken back and has come here
 * again by others is not this one.
 */
export function matchesCheckpoint({ parts: slots, state }: HashCheckpoint) {
  return (is: ExpressionBuilder<Tables, 'upload_sessions'>) =>
    is.and([is('hashed_parts', '=', slots), ...(state === undefined ? [] : [is('hash_state', '=', state)])]);
}

/**
 * Lets the transaction of this statement end without waiting for PostgreSQL's disk. PostgreSQL commits what notifies one
 * after the other and holds that lock until the commit is synced, so every node would wait for every other's sync. A mark
 * that goes in a crash is one that others bring on again. Only for a statement that is a transaction of its own.
 */
const UNSYNCED = sql<string>`set_config('synchronous_commit', 'off', true)`.as('unsynced');

/** Takes back a mark whose state cannot be gone on from, as after a change of build; nothing where it has moved meanwhile. */
export async function resetHashCheckpoint(
  db: Kysely<Tables>,
  session: SessionId,
  { from, by }: Pick<CheckpointUpdate, 'from' | 'by'>,
): Promise<void> {
  await saveHashCheckpoint(db, session, { from, to: REHASH, by, notify: false });
}

/** Takes the mark back, wherever it is: the digest is made from the sealed bytes, at the commit. */
export async function invalidateHashCheckpoint(db: Kysely<Tables>, session: SessionId): Promise<void> {
  await db
    .updateTable('upload_sessions')
    .set({ hashed_parts: REHASH.parts, hash_state: null })
    .where('id', '=', session)
    .where('state', '=', 'open')
    .execute();
}

/**
 * Makes this node the one that reads a session's sealed bytes back, until `until`; undefined where another does, or the
 * session is not open. A lease, to save work: what two of them do is right as well, by the mark.
 */
export async function acquireReadLease(
  db: Kysely<Tables>,
  session: SessionId,
  { by, now, until }: { by: NodeId; now: Instant; until: Instant },
): Promise<HashCheckpoint | undefined> {
  const row = await db
    .updateTable('upload_sessions')
    .set({ rehash_node: by, rehash_until: shifted(until, 0) })
    .where('id', '=', session)
    .where('state', '=', 'open')
    // A lease that would end later than the one asked for is from before the clock was set back.
    .where((is) =>
      is.or([
        is('rehash_node', '=', by),
        is('rehash_until', '<=', shifted(now, 0)),
        is('rehash_until', '>', shifted(until, CLOCK_TOLERANCE)),
      ]),
    )
    .returning(['hashed_parts', 'hash_state'])
    .executeTakeFirst();
  return row && checkpointFromRow(row);
}

/** Gives the reading back before its time, for another node to take up. */
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

/** Who has the slot that the session's mark, as it now is, comes to next. */
function nextNode(of: ExpressionBuilder<Tables, 'upload_sessions'>) {
  return of
    .selectFrom('parts')
    .select('parts.node')
    .whereRef('parts.session_id', '=', 'upload_sessions.id')
    .whereRef('parts.part_index', '=', 'upload_sessions.hashed_parts')
    .where('parts.stored', '=', 1)
    .as('next_node');
}

/** Calls the node that has the next slot, unless that is `by`. PostgreSQL's alone: `pg_notify`, sent if this commits. */
function notification(session: SessionId, { parts: slots, state }: HashCheckpoint, by: NodeId) {
  const payload = JSON.stringify({ session, slots, state });
  return sql<number | null>`(
    select case when pg_notify(${channelFor('' as NodeId)} || p.node, ${payload}) is null then 0 else 1 end
    from parts p
    where p.session_id = upload_sessions.id and p.part_index = upload_sessions.hashed_parts
      and p.stored = 1 and p.node <> '' and p.node <> ${by}
  )`;
}
