import { CLOCK_GRACE, CLOCK_TOLERANCE } from '../time/clock.ts';
import type { Uploads } from './context.ts';
import { dropBytes } from './drop-bytes.ts';
import { forget } from './forget.ts';
import type { Session } from './session.ts';
import { deleteEndedSessions, listFutureSessions, listOverdueSessions, markExpired } from './session-store.ts';

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
