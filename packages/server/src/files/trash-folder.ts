import { Refusal } from '@partway/protocol/errors';
import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Files } from './context.ts';
import { findChangeable } from './find-changeable.ts';
import { holdTree } from './hold-tree.ts';
import { putInTrash } from './put-in-trash.ts';
import { refuseRoot } from './refuse-root.ts';

export interface FolderToTrash {
  caller: UserId;
  folderId: ItemId;
  /** Whether what is in it may go along. */
  recursive: boolean;
  ifMatch: string | undefined;
}

/**
 * Moves a folder to the trash with all that is in it, which its own row says for everything below. Refuses `not_found`, `trashed`, `precondition_failed`,
 * `folder_not_empty` without `recursive`, and a root folder as `access_denied_insufficient_permissions`.
 */
export async function trashFolder({ db, clock }: Files, request: FolderToTrash): Promise<void> {
  const { caller, folderId, recursive, ifMatch } = request;
  const at = clock.now();
  await db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const folder = await findChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch });
    refuseRoot(folder);
    if (folder.child_count > 0 && !recursive) {
      throw new Refusal(
        'folder_not_empty',
        'The folder is not empty: delete it with recursive=true, or empty it first.',
      );
    }
    await putInTrash(tx, folder, at);
  });
}
