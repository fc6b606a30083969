import { Refusal } from '@partway/protocol/errors';
import type { ItemId, UserId } from '@partway/protocol/ids';
import { checkDepth, heightOf } from './check-depth.ts';
import { needFolder } from './check-place.ts';
import type { Files } from './context.ts';
import { findFolder, findPath } from './find.ts';
import { findChangeable } from './find-changeable.ts';
import type { FoundItem } from './find-item.ts';
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
 * `access_denied_insufficient_permissions`, `cyclical_folder_structure`, `operation_limit_exceeded` if it would come to be
 * deeper than folders may, and what `updateItem` refuses.
 */
export async function updateFolder(files: Files, request: FolderUpdate): Promise<void> {
  const { caller, folderId, ifMatch, change } = request;
  const height = await heightThere(files, request);
  await files.db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const folder = await findChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch });
    refuseRoot(folder);
    if (change.folderId !== undefined) {
      const path = await findPath(tx, change.folderId);
      if (path.some(({ id }) => id === folderId)) throw cyclical();
      const into = await needFolder(tx, caller, change.folderId);
      if (goesDeeper(folder, into)) checkDepth(files, into, height);
    }
    await updateItem(tx, folder, change, { caller, now: files.clock.now() });
  });
}

export function cyclical(): Refusal {
  return new Refusal('cyclical_folder_structure', 'A folder cannot go into itself or a folder that is in it.');
}

function goesDeeper(folder: FoundItem, into: FoundItem): boolean {
  return into.depth >= folder.depth;
}

/** The height of a folder, as far as it matters where it goes. */
async function heightThere(files: Files, { caller, folderId, change }: FolderUpdate): Promise<number> {
  if (change.folderId === undefined) return 0;
  const folder = await findFolder(files.db, caller, folderId);
  const into = await findFolder(files.db, caller, change.folderId);
  if (folder === undefined || into === undefined || !goesDeeper(folder, into)) return 0;
  return heightOf(files, files.db, folder);
}
