import type { ItemId, Millis, UserId } from '@partway/protocol/ids';
import { type ItemDetails, withDetails } from '@partway/protocol/item-details';
import type { Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { needFolder } from './check-place.ts';
import { nameKey } from './names.ts';
import { takeName } from './take-name.ts';
import { tally } from './tree.ts';

/** What may be changed of files and folders alike. */
export interface ItemChange {
  name?: string;
  description?: string;
  /** The folder that it goes to. */
  folderId?: ItemId;
  details?: Partial<ItemDetails>;
}

export interface UpdateBy {
  caller: UserId;
  now: Millis;
  /** Other columns to set. */
  also?: Partial<Pick<ItemRow, 'content_created_at' | 'content_modified_at'>>;
  /** Count it as a change even if these columns stay as they are. */
  force?: boolean;
}

/**
 * Changes an item of a tree that is held. What changes nothing leaves the etag. Refuses `not_found` and `trashed` for
 * the folder it goes to, `item_name_in_use`, `item_name_invalid`.
 */
export async function updateItem(
  tx: Transaction<Tables>,
  item: ItemRow,
  { name = item.name, description = item.description, folderId = item.parent_id as ItemId, details = {} }: ItemChange,
  { caller, now, also = {}, force = false }: UpdateBy,
): Promise<void> {
  const from = item.parent_id as ItemId;
  const moved = folderId !== from;
  if (moved) await needFolder(tx, caller, folderId);
  if (moved || name !== item.name) await takeName(tx, item, { name, folderId });
  const next = {
    name,
    description,
    details: withDetails(item.details, details),
    parent_id: folderId,
    ...also,
  };
  if (!force && Object.entries(next).every(([column, value]) => item[column as keyof typeof next] === value)) return;

  await tx
    .updateTable('items')
    .set((row) => ({
      ...next,
      name_key: nameKey(name),
      etag: row('etag', '+', 1),
      modified_at: now,
      modified_by: caller,
    }))
    .where('id', '=', item.id)
    .execute();
  // A version keeps the name that its file had in its time.
  if (name !== item.name && item.version_id !== null) {
    await tx.updateTable('versions').set({ name }).where('id', '=', item.version_id).execute();
  }
  if (!moved) return;
  await tally(tx, from, { items: -1, bytes: -item.size });
  await tally(tx, folderId, { items: 1, bytes: item.size });
}
