import type { Transaction } from 'kysely';
import type { ItemId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import type { ItemRow, Tables } from '../sql/tables.ts';
import { needFolder } from './check-place.ts';
import type { Files } from './files.ts';
import { findFolder } from './find.ts';
import { needTrashed, type Trashed } from './find-trashed.ts';
import { holdTree } from './hold-tree.ts';
import { nameKey } from './names.ts';
import { takeName } from './take-name.ts';
import { tally } from './tally.ts';

/** Where to; its own folder and name where they are left out. */
export interface RestoreTo {
  folderId?: ItemId;
  name?: string;
}

/**
 * Takes a file, or a folder with all that went along with it, out of the trash. Refuses `not_found`, `not_trashed`,
 * `trashed` where the folder it was in is there itself and no other was named, `item_name_in_use`, `item_name_invalid`.
 */
export async function restoreItem({ db, clock }: Files, trashed: Trashed, to: RestoreTo): Promise<void> {
  const { caller, id } = trashed;
  const at = clock.now();
  await db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    const item = await needTrashed(tx, trashed);
    const folderId = to.folderId ?? (await oldFolder(tx, item));
    await needFolder(tx, caller, folderId);
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
      }))
      .where('id', '=', id)
      .execute();
    // Only now: the place that it had may be another's.
    await tx
      .updateTable('items')
      .set({ trashed_at: null, trashed_with: null })
      .where('trashed_with', '=', id)
      .execute();
    await tally(tx, folderId, { items: 1, bytes: item.size });
  });
}

async function oldFolder(tx: Transaction<Tables>, item: ItemRow): Promise<ItemId> {
  const id = item.parent_id as ItemId;
  const folder = await findFolder(tx, item.owner_id, id);
  if (folder?.trashed_at === null) return id;
  throw new Refusal('trashed', 'The folder that it was in is in the trash: name another in parent.id.');
}
