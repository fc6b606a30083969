import type { Kysely } from 'kysely';
import type { UserId } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';
import { BY_NAME, type ItemOrder, type Marker, TRASH_COLUMNS } from './item-order.ts';
import { type Listed, listedItems } from './listed-items.ts';
import { type ItemList, pageByMarker, pageByOffset } from './page-of-items.ts';

/** What a user put in the trash, without what went along: items `offset` to `offset + limit - 1`; and how many in all. */
export async function listTrashByOffset(
  db: Kysely<Tables>,
  owner: UserId,
  { offset, limit, order = BY_NAME }: { offset: number; limit: number; order?: ItemOrder },
): Promise<{ entries: Listed[]; total: number }> {
  const trash = trashOf(db, owner);
  const rows = await pageByOffset(trash, order, { offset, limit });
  const { total } = await trash.items
    .clearSelect()
    .select(({ fn }) => fn.countAll().as('total'))
    .executeTakeFirstOrThrow();
  return { entries: await listedItems(db, rows), total: Number(total) };
}

/** The same after `marker`, in its order; `next` where more follow. */
export async function listTrashByMarker(
  db: Kysely<Tables>,
  owner: UserId,
  { marker, limit, order = BY_NAME }: { marker: Marker | undefined; limit: number; order?: ItemOrder },
): Promise<{ entries: Listed[]; next: Marker | undefined }> {
  const { rows, next } = await pageByMarker(trashOf(db, owner), { marker, order, limit });
  return { entries: await listedItems(db, rows), next };
}

function trashOf(db: Kysely<Tables>, owner: UserId): ItemList {
  const items = db.selectFrom('items').selectAll().where('owner_id', '=', owner).whereRef('trashed_with', '=', 'id');
  return { items, columns: TRASH_COLUMNS };
}
