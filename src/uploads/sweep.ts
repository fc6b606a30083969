import type { ContentId, Millis } from '../api/ids.ts';
import { dropBytes } from './drop-bytes.ts';
import { deleteEndedSessions, findOwnedContents, listOverdueSessions, markExpired } from './records.ts';
import type { Uploads } from './uploads.ts';

const BATCH = 100;

/**
 * Ends sessions past their time, with their bytes. A session that is committed in the same moment is either committed
 * or expired, never both: the first to change its state wins.
 */
export async function expireSessions(uploads: Uploads): Promise<number> {
  const { db, follower, limits, now } = uploads;
  let expired = 0;
  for (;;) {
    const overdue = await listOverdueSessions(db, now(), BATCH);
    for (const session of overdue) {
      if (!(await markExpired(db, session.id))) continue;
      expired += 1;
      follower.forget(session.id);
      await dropBytes(uploads, session.staging);
    }
    if (overdue.length < BATCH) break;
  }
  await deleteEndedSessions(db, { now: now(), expiredBefore: now() - limits.sessionLifetime });
  return expired;
}

/**
 * Removes bytes that nothing names: what a crash left between the bytes and their row. Whatever was touched less than
 * `grace` ago is left alone, since its row may be about to be written. The store is listed first and the rows are
 * asked after, so that nothing which got its row meanwhile is taken for an orphan.
 */
export async function removeOrphans({ db, content, now }: Uploads, grace: Millis): Promise<number> {
  let removed = 0;
  let batch: ContentId[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const owned = await findOwnedContents(db, batch);
    for (const id of batch) {
      if (owned.has(id)) continue;
      await content.remove(id);
      removed += 1;
    }
    batch = [];
  };
  const oldEnough = now() - grace;
  for await (const stored of content.list()) {
    if (stored.modifiedAt > oldEnough) continue;
    batch.push(stored.content);
    if (batch.length === BATCH) await flush();
  }
  await flush();
  return removed;
}
