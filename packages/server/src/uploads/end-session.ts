import type { SessionId, UserId } from '@partway/protocol/ids';
import { forgetBlobs } from '../files/blobs.ts';
import type { Staging } from '../storage/blob-store.ts';
import { CLOCK_GRACE, CLOCK_TOLERANCE } from '../time/clock.ts';
import type { Uploads } from './context.ts';
import { findOwnSession } from './find-session.ts';
import type { Session } from './session.ts';
import {
  deleteEndedSessions,
  deleteOpenSession,
  findOwnedContents,
  listFutureSessions,
  listOverdueSessions,
  markExpired,
} from './session-store.ts';

/** Forgets the session, then its bytes. After a commit there is nothing to abort: the file stays. */
export async function abort(uploads: Uploads, caller: UserId, id: SessionId): Promise<void> {
  const { db } = uploads;
  const session = await findOwnSession(uploads, caller, id);
  if (!(await deleteOpenSession(db, session.id))) return;
  forget(uploads, session.id);
  await dropBytes(uploads, session.staging);
}

const BATCH = 100;

/**
 * Ends sessions past their time, with their bytes. A session that is committed in the same moment is either committed
 * or expired, never both: the first to change its state wins.
 */
export async function expireSessions(uploads: Uploads): Promise<number> {
  const { db, limits, clock } = uploads;
  let expired = await expireAll(uploads, () => listOverdueSessions(db, clock.expiryTime(), BATCH));
  // One created by a clock that was ahead would live for too long. Once the clock has been right for a whole lifetime, and
  // for as long as a time before counted on, such a session is older than that.
  if (clock.steadyFor() >= limits.sessionLifetime + CLOCK_GRACE) {
    const createdAfter = clock.now() + CLOCK_TOLERANCE;
    const future = { createdAfter, expiringAfter: createdAfter + limits.sessionLifetime };
    expired += await expireAll(uploads, () => listFutureSessions(db, future, BATCH));
  }
  const now = clock.expiryTime();
  await deleteEndedSessions(db, { now, expiredBefore: now - limits.sessionLifetime });
  return expired;
}

async function expireAll(uploads: Uploads, find: () => Promise<Session[]>): Promise<number> {
  const { db } = uploads;
  let expired = 0;
  for (;;) {
    const overdue = await find();
    for (const session of overdue) {
      if (!(await markExpired(db, session.id))) continue;
      expired += 1;
      forget(uploads, session.id);
      await dropBytes(uploads, session.staging);
    }
    if (overdue.length < BATCH) return expired;
  }
}

/**
 * Removes the bytes of a session that has ended without a file. The only way by which a session's bytes go: it asks
 * last whether a version names them, so that no order of commit, abort, expiry and crash can take a published file.
 */
export async function dropBytes({ db, content }: Pick<Uploads, 'db' | 'content'>, staging: Staging): Promise<void> {
  const named = await findOwnedContents(db, [staging.content]);
  if (named.has(staging.content)) return;
  await content.remove(staging);
  await forgetBlobs(db, [staging.content]);
}

/** A session has ended: what this process remembers of it goes. */
export function forget({ follower, ledger }: Uploads, session: SessionId): void {
  follower.forget(session);
  ledger.forget(session);
}
