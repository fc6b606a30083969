import type { ItemId, Millis, UserId } from '@partway/protocol/ids';
import { checkLock } from './check-lock.ts';
import type { Files } from './context.ts';
import { findChangeable } from './find-changeable.ts';
import { holdTree } from './hold-tree.ts';
import { type LockRequest, setLock } from './set-lock.ts';
import { type ItemChange, updateItem } from './update-item.ts';

export interface FileUpdate {
  caller: UserId;
  fileId: ItemId;
  ifMatch: string | undefined;
  change: ItemChange & {
    contentCreatedAt?: Millis;
    contentModifiedAt?: Millis;
    /** A lock for the caller; null takes it away. */
    lock?: LockRequest | null;
  };
}

/**
 * Renames, moves, describes, dates, locks or unlocks a file. Refuses `not_found`, `trashed`, `precondition_failed`,
 * `access_denied_item_locked` where another holds its lock, and what `updateItem` refuses.
 */
export async function updateFile({ db, clock }: Files, { caller, fileId, ifMatch, change }: FileUpdate): Promise<void> {
  const at = clock.now();
  await db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const file = await findChangeable(tx, { kind: 'file', owner: caller, id: fileId, ifMatch });
    await checkLock(tx, { fileId, caller, now: clock.expiryTime() });
    const { lock, contentCreatedAt, contentModifiedAt, ...placed } = change;
    if (lock !== undefined) await setLock(tx, { fileId, caller, now: at }, lock);
    await updateItem(tx, file, placed, {
      caller,
      now: at,
      also: {
        ...(contentCreatedAt !== undefined && { content_created_at: contentCreatedAt }),
        ...(contentModifiedAt !== undefined && { content_modified_at: contentModifiedAt }),
      },
      force: lock !== undefined,
    });
  });
}
