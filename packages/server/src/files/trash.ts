import { Refusal } from '@partway/protocol/errors';
import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { checkDepth, heightOf } from './check-depth.ts';
import { needFolder } from './check-place.ts';
import type { Files } from './context.ts';
import { findFolder } from './find.ts';
import type { FoundItem } from './find-item.ts';
import { needTrashed, type Trashed } from './find-trashed.ts';
import { holdTree } from './hold-tree.ts';
import { nameKey } from './names.ts';
import { takeName } from './take-name.ts';
import { tally } from './tree.ts';

/** Where to; its own folder and name where they are left out. */
export interface RestoreTo {
  folderId?: ItemId;
  name?: string;
}

/**
 * Takes a file, or a folder with all that went along with it, out of the trash. Refuses `not_found`, `not_trashed`,
 * `trashed` where the folder it was in is there itself and no other was named, `item_name_in_use`, `item_name_invalid`,
 * `operation_limit_exceeded` if it would be too deep anywhere but in the root folder.
 */
export async function restoreItem(files: Files, trashed: Trashed, to: RestoreTo): Promise<void> {
  const { caller, id } = trashed;
  const at = files.clock.now();
  const height = await heightThere(files, trashed, to);
  await files.db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const item = await needTrashed(tx, trashed);
    const folderId = to.folderId ?? (await oldFolder(tx, item));
    const into = await needFolder(tx, caller, folderId);
    if (item.kind === 'folder' && isDeeper(into)) checkDepth(files, into, height);
    const { name = item.name } = to;
    await takeName(tx, item, { name, folderId });
    await tx
      .updateTable('items')
      .set((row) => ({
        parent_id: folderId,
        name,
        name_key: nameKey(name),
        etag: row('etag', '+', 1),
        modified_at: at,
        modified_by: caller,
        trashed_at: null,
        trashed_with: null,
      }))
      .where('id', '=', id)
      .execute();
    await tally(tx, folderId, { items: 1, bytes: item.size });
  });
}

async function oldFolder(tx: Transaction<Tables>, item: ItemRow): Promise<ItemId> {
  const id = item.parent_id as ItemId;
  const folder = await findFolder(tx, item.owner_id, id);
  if (folder?.trashed_at === null) return id;
  // That folder is deleted for good, and what is in it moves to the root folder in one of the next batches.
  if (folder === undefined) return rootOf(tx, item.owner_id);
  throw new Refusal('trashed', 'The folder that it was in is in the trash: name another in parent.id.');
}

async function rootOf(tx: Transaction<Tables>, owner: UserId): Promise<ItemId> {
  const { root_id: id } = await tx
    .selectFrom('users')
    .select('root_id')
    .where('id', '=', owner)
    .executeTakeFirstOrThrow();
  return id;
}

/** In the root folder nothing is deeper than it is by itself, so that a tree of any height has a place to come back to. */
function isDeeper({ depth }: FoundItem): boolean {
  return depth > 0;
}

/** The height of a folder, as far as it matters where it goes. */
async function heightThere(files: Files, trashed: Trashed, to: RestoreTo): Promise<number> {
  const item = await needTrashed(files.db, trashed);
  const folderId = to.folderId ?? item.parent_id;
  const into = folderId === null ? undefined : await findFolder(files.db, trashed.caller, folderId);
  return into !== undefined && isDeeper(into) ? heightOf(files, files.db, item) : 0;
}
