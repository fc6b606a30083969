import type { SessionId, UserId } from '@partway/protocol/ids';
import { deleteBlobRows } from '../files/blobs.ts';
import type { StagedBlob } from '../storage/blob-store.ts';
import { CLOCK_GRACE, CLOCK_TOLERANCE } from '../time/clock.ts';
import type { UploadContext } from './context.ts';
import { getOwnSession } from './find-session.ts';
import type { Session } from './session.ts';
import {
  deleteEndedSessions,
  deleteOpenSession,
  findReferencedBlobs,
  listFutureSessions,
  listOverdueSessions,
  setExpired,
} from './session-store.ts';

/** Forgets the session, then its bytes. After a commit there is nothing to abort: the file stays. */
export async function abortSession(context: UploadContext, caller: UserId, id: SessionId): Promise<void> {
  const { db } = context;
  const session = await getOwnSession(context, caller, id);
  if (!(await deleteOpenSession(db, session.id))) return;
  forgetSession(context, session.id);
  await deleteStagedBytes(context, session.staged);
}

const BATCH = 100;

/**
 * Ends sessions past their time, with their bytes. A session that is committed in the same moment is either committed
 * or expired, never both: the first to change its state wins.
 */
export async function expireSessions(context: UploadContext): Promise<number> {
  const { db, limits, clock } = context;
  let expired = await expireAll(context, () => listOverdueSessions(db, clock.expiryTime(), BATCH));
  // One created by a clock that was ahead would live for too long. Once the clock has been right for a whole lifetime, and
  // for as long as a time before counted on, such a session is older than that.
  if (clock.steadyFor() >= limits.sessionLifetime + CLOCK_GRACE) {
    const createdAfter = clock.now() + CLOCK_TOLERANCE;
    const future = { createdAfter, expiringAfter: createdAfter + limits.sessionLifetime };
    expired += await expireAll(context, () => listFutureSessions(db, future, BATCH));
  }
  const now = clock.expiryTime();
  await deleteEndedSessions(db, { now, expiredBefore: now - limits.sessionLifetime });
  return expired;
}

async function expireAll(context: UploadContext, find: () => Promise<Session[]>): Promise<number> {
  const { db } = context;
  let expired = 0;
  for (;;) {
    const overdue = await find();
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
 * Removes the bytes of a session that has ended without a file. The only way by which a session's bytes go: it asks
 * last whether a version names them, so that no order of commit, abort, expiry and crash can take a published file.
 */
export async function deleteStagedBytes(
  { db, blobs }: Pick<UploadContext, 'db' | 'blobs'>,
  staged: StagedBlob,
): Promise<void> {
  const named = await findReferencedBlobs(db, [staged.blob]);
  if (named.has(staged.blob)) return;
  await blobs.remove(staged);
  await deleteBlobRows(db, [staged.blob]);
}

/** A session has ended: what this process remembers of it goes. */
export function forgetSession({ hasher, registry }: UploadContext, session: SessionId): void {
  hasher.forget(session);
  registry.forgetSession(session);
}
