import { Refusal } from '@partway/protocol/errors';
import type { ItemId, Millis, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { findLocks } from './locks.ts';

/**
 * Refuses `access_denied_item_locked` where somebody else holds a lock on the file: only its holder may change, move,
 * delete or unlock it, or put a version on it. A `download` is refused where the lock prevents those too.
 */
export async function checkLock(
  db: Kysely<Tables>,
  { fileId, caller, now, to = 'change' }: { fileId: ItemId; caller: UserId; now: Millis; to?: 'change' | 'download' },
): Promise<void> {
  const lock = (await findLocks(db, [fileId], now)).get(fileId);
  if (lock === undefined || lock.by.id === caller) return;
  if (to === 'download' && !lock.isDownloadPrevented) return;
  throw new Refusal('access_denied_item_locked', `The file is locked by ${lock.by.name}.`);
}
