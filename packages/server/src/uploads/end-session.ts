import type { SessionId, UserId } from '@partway/protocol/ids';
import { deleteBlobRows } from '../files/blobs.ts';
import type { StagedBlob } from '../storage/blob-store.ts';
import { CLOCK_GRACE, CLOCK_TOLERANCE } from '../time/clock.ts';
import type { UploadContext } from './context.ts';
import { getOwnSession } from './get-session.ts';
import type { Session } from './session.ts';
import {
  deleteEndedSessions,
  deleteOpenSession,
  findReferencedBlobs,
  listFutureSessions,
  listOverdueSessions,
  setExpired,
} from './session-store.ts';

/**
 * Ends sessions that do not become files: aborted and expired ones. `deleteStagedBytes` is the only function that deletes
 * the bytes of a session.
 */

/** Deletes the session's row, then its bytes. If the session has been committed, does nothing: the file stays. */
export async function abortSession(context: UploadContext, caller: UserId, id: SessionId): Promise<void> {
  const { db } = context;
  const session = await getOwnSession(context, caller, id);
  if (!(await deleteOpenSession(db, session.id))) return;
  forgetSession(context, session.id);
  await deleteStagedBytes(context, session.staged);
}

const BATCH = 100;

/**
 * Ends expired sessions and deletes their bytes. If a session is committed at the same time, the first of the two to change
 * its state wins. Also deletes the rows of sessions that ended long ago.
 * @returns The number of sessions that it ended.
 */
export async function expireSessions(context: UploadContext): Promise<number> {
  const { db, limits, clock } = context;
  let expired = await expireAll(context, () => listOverdueSessions(db, clock.expiryTime(), BATCH));
  // A session created while the clock was ahead would live too long. After the clock has been steady for a whole lifetime
  // plus the grace time, any session dated in the future is older than its lifetime.
  if (clock.steadyFor() >= limits.sessionLifetime + CLOCK_GRACE) {
    const createdAfter = clock.now() + CLOCK_TOLERANCE;
    const future = { createdAfter, expiringAfter: createdAfter + limits.sessionLifetime };
    expired += await expireAll(context, () => listFutureSessions(db, future, BATCH));
  }
  const now = clock.expiryTime();
  await deleteEndedSessions(db, { now, expiredBefore: now - limits.sessionLifetime });
  return expired;
}

async function expireAll(context: UploadContext, listBatch: () => Promise<Session[]>): Promise<number> {
  const { db } = context;
  let expired = 0;
  for (;;) {
    const overdue = await listBatch();
    for (const session of overdue) {
      if (!(await setExpired(db, session.id))) continue;
      expired += 1;
      forgetSession(context, session.id);
      await deleteStagedBytes(context, session.staged);
    }
    if (overdue.length < BATCH) return expired;
  }
}

/**
 * Deletes the bytes of a session that has ended without a file. First checks that no version refers to them, after the
 * session has ended. So a published file survives any order of commit, abort, expiry and crash.
 */
export async function deleteStagedBytes(
  { db, blobs }: Pick<UploadContext, 'db' | 'blobs'>,
  staged: StagedBlob,
): Promise<void> {
  const referenced = await findReferencedBlobs(db, [staged.blob]);
  if (referenced.has(staged.blob)) return;
  await blobs.remove(staged);
  await deleteBlobRows(db, [staged.blob]);
}

/** What a process remembers of open sessions. */
export interface SessionMemory {
  hasher: Pick<UploadContext['hasher'], 'forget'>;
  registry: Pick<UploadContext['registry'], 'forgetSession'>;
}

/** Drops what this process remembers of a session that has ended. */
export function forgetSession({ hasher, registry }: SessionMemory, session: SessionId): void {
  hasher.forget(session);
  registry.forgetSession(session);
}
