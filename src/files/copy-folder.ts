import type { ItemId, UserId } from '../api/ids.ts';
import { newId } from '../sql/new-id.ts';
import type { ItemRow } from '../sql/tables.ts';
import { chargeSpace } from './charge-space.ts';
import { needFolder } from './check-place.ts';
import { copyBelow } from './copy-below.ts';
import type { Files } from './files.ts';
import { findPath } from './find.ts';
import { findChangeable } from './find-changeable.ts';
import { holdTree } from './hold-tree.ts';
import { insertItem } from './insert-item.ts';
import { checkName } from './names.ts';
import { refuseRoot } from './refuse-root.ts';
import { cyclical } from './update-folder.ts';

export interface FolderToCopy {
  caller: UserId;
  folderId: ItemId;
  to: { folderId: ItemId; name?: string };
}

/**
 * Copies a folder with all that is in it, whole or not at all; no byte is copied. Refuses `not_found`, `trashed`, a root
 * folder, `cyclical_folder_structure`, `item_name_in_use`, `item_name_invalid`, `storage_limit_exceeded`.
 */
export async function copyFolder(
  { db, clock, userQuota }: Files,
  { caller, folderId, to }: FolderToCopy,
): Promise<ItemRow> {
  const at = clock.now();
  const id = newId<ItemId>();
  return db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const folder = await findChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch: undefined });
    refuseRoot(folder);
    await needFolder(tx, caller, to.folderId);
    const path = await findPath(tx, to.folderId);
    if (path.some((above) => above.id === folderId)) throw cyclical();
    const name = to.name ?? folder.name;
    checkName(name);
    await chargeSpace(tx, caller, { used: folder.size }, userQuota);
    await insertItem(tx, {
      id,
      kind: 'folder',
      folderId: to.folderId,
      name,
      description: folder.description,
      details: folder.details,
      versionId: null,
      by: caller,
      now: at,
      contentCreatedAt: folder.content_created_at,
      contentModifiedAt: folder.content_modified_at,
      size: folder.size,
      childCount: folder.child_count,
    });
    await copyBelow(tx, { from: folderId, to: id }, { by: caller, now: at });
    return needFolder(tx, caller, id);
  });
}
