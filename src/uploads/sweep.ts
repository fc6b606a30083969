import type { Millis } from '../api/ids.ts';
import type { StoredContent } from '../content/content.ts';
import { dropBytes } from './drop-bytes.ts';
import { forget } from './forget.ts';
import { deleteEndedSessions, findOwnedContents, listOverdueSessions, markExpired } from './records.ts';
import type { Uploads } from './uploads.ts';

const BATCH = 100;

/**
 * Ends sessions past their time, with their bytes. A session that is committed in the same moment is either committed
 * or expired, never both: the first to change its state wins.
 */
export async function expireSessions(uploads: Uploads): Promise<number> {
  const { db, limits, now } = uploads;
  let expired = 0;
  for (;;) {
    const overdue = await listOverdueSessions(db, now(), BATCH);
    for (const session of overdue) {
      if (!(await markExpired(db, session.id))) continue;
      expired += 1;
      forget(uploads, session.id);
      await dropBytes(uploads, session.staging);
    }
    if (overdue.length < BATCH) break;
  }
  await deleteEndedSessions(db, { now: now(), expiredBefore: now() - limits.sessionLifetime });
  return expired;
}

/**
 * Removes bytes that nothing names: what a crash left between the bytes and their row. What this process is storing is
 * passed over, and so is whatever was touched less than `grace` ago, which another node may be storing. In this order:
 * listed, in hand, named by a row; so that what got its row meanwhile is not taken for an orphan.
 */
export async function removeOrphans({ db, content, inHand, now }: Uploads, grace: Millis): Promise<number> {
  let removed = 0;
  let batch: StoredContent[] = [];
  const oldEnough = now() - grace;
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const owned = await findOwnedContents(
      db,
      batch.map((stored) => stored.content),
    );
    for (const { content: id, lastWrite } of batch) {
      if (owned.has(id)) continue;
      // Only now, where it is worth the call: a long direct upload at another node was begun long ago as well.
      if (lastWrite !== undefined && (await lastWrite()) > oldEnough) continue;
      await content.remove(id);
      removed += 1;
    }
    batch = [];
  };
  for await (const stored of content.list()) {
    if (stored.modifiedAt > oldEnough || inHand.has(stored.content)) continue;
    batch.push(stored);
    if (batch.length === BATCH) await flush();
  }
  await flush();
  return removed;
}
