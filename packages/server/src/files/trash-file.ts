import type { ItemId, UserId } from '@partway/protocol/ids';
import { checkLock } from './check-lock.ts';
import type { Files } from './context.ts';
import { findChangeable } from './find-changeable.ts';
import { holdTree } from './hold-tree.ts';
import { putInTrash } from './put-in-trash.ts';

/**
 * Moves a file to the trash; its name is free at once. Refuses `not_found`, `trashed`, `precondition_failed`,
 * `access_denied_item_locked`.
 */
export async function trashFile(
  { db, clock }: Files,
  { caller, fileId, ifMatch }: { caller: UserId; fileId: ItemId; ifMatch: string | undefined },
): Promise<void> {
  const at = clock.now();
  await db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const file = await findChangeable(tx, { kind: 'file', owner: caller, id: fileId, ifMatch });
    await checkLock(tx, { fileId, caller, now: clock.expiryTime() });
    await putInTrash(tx, file, at);
  });
}
