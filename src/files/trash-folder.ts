import type { Transaction } from 'kysely';
import type { ItemId, Millis, UserId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import type { Tables } from '../sql/tables.ts';
import type { Files } from './files.ts';
import { findChangeable } from './find-changeable.ts';
import { putInTrash } from './put-in-trash.ts';

export interface FolderToTrash {
  caller: UserId;
  folderId: ItemId;
  /** Whether what is in it may go along. */
  recursive: boolean;
  ifMatch: string | undefined;
}

/**
 * Moves a folder to the trash with all that is in it. Refuses `not_found`, `trashed`, `precondition_failed`,
 * `folder_not_empty` without `recursive`, and a root folder as `access_denied_insufficient_permissions`.
 */
export async function trashFolder({ db, now }: Files, request: FolderToTrash): Promise<void> {
  const { caller, folderId, recursive, ifMatch } = request;
  const at = now();
  await db.transaction().execute(async (tx) => {
    const folder = await findChangeable(tx, { kind: 'folder', owner: caller, id: folderId, ifMatch });
    if (folder.parent_id === null) {
      throw new Refusal('access_denied_insufficient_permissions', 'The root folder cannot be deleted.');
    }
    await putInTrash(tx, folder, { now: at, ifMatch });
    if (!recursive) await refuseUnlessEmpty(tx, folderId);
    // A second time finds what came into a folder below while the first was on its way to it; then nothing can any more.
    while ((await takeAlong(tx, folderId, at)) > 0n);
  });
}

async function refuseUnlessEmpty(tx: Transaction<Tables>, folderId: ItemId): Promise<void> {
  const child = await tx
    .selectFrom('items')
    .select('id')
    .where('parent_id', '=', folderId)
    .where('trashed_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  if (child === undefined) return;
  throw new Refusal('folder_not_empty', 'The folder is not empty: delete it with recursive=true, or empty it first.');
}

/** Puts everything below `folderId` in the trash with it, but for what is there already by a deletion of its own. */
async function takeAlong(tx: Transaction<Tables>, folderId: ItemId, now: Millis): Promise<bigint> {
  const { numUpdatedRows } = await tx
    .withRecursive('below(id)', (query) =>
      query
        .selectFrom('items')
        .select('items.id')
        .where('items.id', '=', folderId)
        .unionAll(
          query
            .selectFrom('items')
            .innerJoin('below', 'below.id', 'items.parent_id')
            .select('items.id')
            .where((row) => row.or([row('items.trashed_at', 'is', null), row('items.trashed_with', '=', folderId)])),
        ),
    )
    .updateTable('items')
    .set({ trashed_at: now, trashed_with: folderId })
    .where('id', 'in', (query) => query.selectFrom('below').select('below.id'))
    .where('trashed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows;
}
