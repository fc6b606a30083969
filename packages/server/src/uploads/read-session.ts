import type { Millis, SessionId, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { inBatches } from '../util/batches.ts';
import type { UploadContext } from './context.ts';
import { getOwnSession } from './get-session.ts';
import { type Part, type Session, sessionFromRow } from './session.ts';
import { countParts, listParts } from './session-store.ts';

/** Reads a session and the number of its stored parts. */
export async function readSession(
  context: UploadContext,
  caller: UserId,
  id: SessionId,
): Promise<{ session: Session; stored: number }> {
  const session = await getOwnSession(context, caller, id);
  return { session, stored: await countParts(context.db, id) };
}

/** Reads a page of a session's stored parts, by offset in the file, and their total number. */
export async function readParts(
  context: UploadContext,
  caller: UserId,
  id: SessionId,
  page: { offset: number; limit: number },
): Promise<{ session: Session; parts: Part[]; stored: number }> {
  const { session, stored } = await readSession(context, caller, id);
  return { session, parts: await listParts(context.db, id, page), stored };
}

/** Sessions whose parts one query counts. They have 100,000 rows at most. */
const COUNT_BATCH = 10;

/** An upload in progress, for a list. */
export interface ListedSession {
  session: Session;
  /** Number of stored parts. */
  stored: number;
  createdAt: Millis;
}

/** Lists the caller's uploads in progress by ID, starting after `after`. Excludes expired sessions. */
export async function listSessions(
  { db, clock }: Pick<UploadContext, 'db' | 'clock'>,
  caller: UserId,
  { after, limit }: { after: SessionId | undefined; limit: number },
): Promise<ListedSession[]> {
  const rows = await db
    .selectFrom('upload_sessions')
    .selectAll()
    .where('owner_id', '=', caller)
    .where('state', '=', 'open')
    .where('expires_at', '>', clock.expiryTime())
    .$if(after !== undefined, (query) => query.where('id', '>', after as SessionId))
    .orderBy('id')
    .limit(limit)
    .execute();
  const stored = await countStored(
    db,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => ({
    session: sessionFromRow(row),
    stored: stored.get(row.id) ?? 0,
    createdAt: row.created_at,
  }));
}

async function countStored(db: Kysely<Tables>, sessions: SessionId[]): Promise<Map<SessionId, number>> {
  const countBatch = (batch: readonly SessionId[]) =>
    db
      .selectFrom('parts')
      .select((row) => ['session_id', row.fn.countAll().as('stored')])
      .where('session_id', 'in', batch)
      .groupBy('session_id')
      .execute();
  const counts = await inBatches(sessions, countBatch, COUNT_BATCH);
  return new Map(counts.map(({ session_id: id, stored }) => [id, Number(stored)]));
}
