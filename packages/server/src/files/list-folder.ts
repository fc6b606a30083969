import type { ItemId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { BY_NAME, FOLDER_COLUMNS, type ItemOrder, type Marker } from './item-order.ts';
import { type Listed, listedItems, narrowItems, type PageToList } from './list-items.ts';
import { type ItemList, type MarkedPage, pageAfter, pageByMarker, pageByOffset } from './paging.ts';

type Page = Pick<PageToList, 'show' | 'wideBytes'> & { limit: number; order?: ItemOrder };

/** Items `offset` to `offset + limit - 1` of a folder, folders first, then by name; and how many there are in all. */
export async function listByOffset(
  db: Kysely<Tables>,
  folder: ItemRow,
  { offset, limit, order = BY_NAME, ...page }: Page & { offset: number },
): Promise<{ entries: Listed[]; total: number }> {
  const rows = await pageByOffset(itemsOf(db, folder.id), order, { offset, limit });
  return { entries: await listedItems(db, rows, { ...page, folderId: folder.id }), total: folder.child_count };
}

/** The first `limit` items of a folder after `marker`, in the marker's order; `next` where more follow. */
export async function listByMarker(
  db: Kysely<Tables>,
  folder: ItemRow,
  { marker, limit, order = BY_NAME, ...page }: Page & { marker: Marker | undefined },
): Promise<MarkedPage<Listed>> {
  const found = await pageByMarker(itemsOf(db, folder.id), { marker, order, limit });
  return pageAfter(found, await listedItems(db, found.rows, { ...page, folderId: folder.id }));
}

function itemsOf(db: Kysely<Tables>, folderId: ItemId): ItemList {
  const items = narrowItems(db).where('parent_id', '=', folderId).where('trashed_at', 'is', null);
  return { items, columns: FOLDER_COLUMNS };
}
