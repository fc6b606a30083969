import { dropBytes } from './drop-bytes.ts';
import { forget } from './forget.ts';
import { deleteEndedSessions, listOverdueSessions, markExpired } from './records.ts';
import type { Uploads } from './uploads.ts';

const BATCH = 100;

/**
 * Ends sessions past their time, with their bytes. A session that is committed in the same moment is either committed
 * or expired, never both: the first to change its state wins.
 */
export async function expireSessions(uploads: Uploads): Promise<number> {
  const { db, limits, clock } = uploads;
  let expired = 0;
  for (;;) {
    const overdue = await listOverdueSessions(db, clock.now(), BATCH);
    for (const session of overdue) {
      if (!(await markExpired(db, session.id))) continue;
      expired += 1;
      forget(uploads, session.id);
      await dropBytes(uploads, session.staging);
    }
    if (overdue.length < BATCH) break;
  }
  await deleteEndedSessions(db, { now: clock.now(), expiredBefore: clock.now() - limits.sessionLifetime });
  return expired;
}
