import type { Kysely } from 'kysely';
import type { ItemId } from '../api/ids.ts';
import type { ItemRow, Tables } from '../sql/tables.ts';
import { BY_NAME, FOLDER_COLUMNS, type ItemOrder, type Marker } from './item-order.ts';
import { type Listed, listedItems } from './listed-items.ts';
import { type ItemList, pageByMarker, pageByOffset } from './page-of-items.ts';

export type { Marker } from './item-order.ts';

/** Items `offset` to `offset + limit - 1` of a folder, folders first, then by name; and how many there are in all. */
export async function listByOffset(
  db: Kysely<Tables>,
  folder: ItemRow,
  { offset, limit, order = BY_NAME }: { offset: number; limit: number; order?: ItemOrder },
): Promise<{ entries: Listed[]; total: number }> {
  const rows = await pageByOffset(itemsOf(db, folder.id), order, { offset, limit });
  return { entries: await listedItems(db, rows, folder.id), total: folder.child_count };
}

/** The first `limit` items of a folder after `marker`, in the marker's order; `next` where more follow. */
export async function listByMarker(
  db: Kysely<Tables>,
  folder: ItemRow,
  { marker, limit, order = BY_NAME }: { marker: Marker | undefined; limit: number; order?: ItemOrder },
): Promise<{ entries: Listed[]; next: Marker | undefined }> {
  const { rows, next } = await pageByMarker(itemsOf(db, folder.id), { marker, order, limit });
  return { entries: await listedItems(db, rows, folder.id), next };
}

function itemsOf(db: Kysely<Tables>, folderId: ItemId): ItemList {
  const items = db.selectFrom('items').selectAll().where('parent_id', '=', folderId).where('trashed_at', 'is', null);
  return { items, columns: FOLDER_COLUMNS };
}
