import type { ItemId, UserId } from '../api/ids.ts';
import type { Files } from './files.ts';
import { findChangeable } from './find-changeable.ts';
import { putInTrash } from './put-in-trash.ts';

/** Moves a file to the trash; its name is free at once. Refuses `not_found`, `trashed`, `precondition_failed`. */
export async function trashFile(
  { db, now }: Files,
  { caller, fileId, ifMatch }: { caller: UserId; fileId: ItemId; ifMatch: string | undefined },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const file = await findChangeable(tx, { kind: 'file', owner: caller, id: fileId, ifMatch });
    await putInTrash(tx, file, { now: now(), ifMatch });
  });
}
