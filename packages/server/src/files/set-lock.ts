import type { ItemId, Millis, UserId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { newId } from '../database/values.ts';

export interface LockRequest {
  /** When it ends by itself; never where it is null. */
  expiresAt: Millis | null;
  isDownloadPrevented: boolean;
}

/** Locks a file for the caller, instead of any lock before, or unlocks it. */
export async function setLock(
  tx: Transaction<Tables>,
  { fileId, caller, now }: { fileId: ItemId; caller: UserId; now: Millis },
  lock: LockRequest | null,
): Promise<void> {
  await tx.deleteFrom('locks').where('file_id', '=', fileId).execute();
  if (lock === null) return;
  await tx
    .insertInto('locks')
    .values({
      file_id: fileId,
      id: newId<number>(),
      created_by: caller,
      created_at: now,
      expires_at: lock.expiresAt,
      download_prevented: lock.isDownloadPrevented ? 1 : 0,
    })
    .execute();
}
