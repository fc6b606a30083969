import type { ItemId, UserId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import type { Files } from './files.ts';
import { findPath } from './find.ts';
import { findChangeable } from './find-changeable.ts';
import { holdTree } from './hold-tree.ts';
import { refuseRoot } from './refuse-root.ts';
import { type ItemChange, updateItem } from './update-item.ts';

export interface FolderUpdate {
  caller: UserId;
  folderId: ItemId;
  ifMatch: string | undefined;
  change: ItemChange;
}

/**
 * Renames, moves or describes a folder. Refuses `not_found`, `trashed`, `precondition_failed`, a root folder as
 * `access_denied_insufficient_permissions`, `cyclical_folder_structure`, and what `updateItem` refuses.
 */
export async function updateFolder({ db, clock }: Files, request: FolderUpdate): Promise<void> {
  const { caller, folderId, ifMatch, change } = request;
  await db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const folder = await findChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch });
    refuseRoot(folder);
    const path = change.folderId === undefined ? [] : await findPath(tx, change.folderId);
    if (path.some(({ id }) => id === folderId)) throw cyclical();
    await updateItem(tx, folder, change, { caller, now: clock.now() });
  });
}

export function cyclical(): Refusal {
  return new Refusal('cyclical_folder_structure', 'A folder cannot go into itself or a folder that is in it.');
}
