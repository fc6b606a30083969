import type { UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { BY_NAME, type ItemOrder, type Marker, TRASH_COLUMNS } from './item-order.ts';
import { type Listed, listedItems, narrowItems, type PageToList } from './list-items.ts';
import { type ItemList, type MarkedPage, pageAfter, pageByMarker, pageByOffset } from './paging.ts';

type TrashPage = Pick<PageToList, 'show' | 'wideBytes'> & { limit: number; order?: ItemOrder };

/** What a user put in the trash, without what went along: items `offset` to `offset + limit - 1`; and how many in all. */
export async function listTrashByOffset(
  db: Kysely<Tables>,
  owner: UserId,
  { offset, limit, order = BY_NAME, ...page }: TrashPage & { offset: number },
): Promise<{ entries: Listed[]; total: number }> {
  const trash = trashOf(db, owner);
  const rows = await pageByOffset(trash, order, { offset, limit });
  const { total } = await trash.items
    .clearSelect()
    .select(({ fn }) => fn.countAll().as('total'))
    .executeTakeFirstOrThrow();
  return { entries: await listedItems(db, rows, page), total: Number(total) };
}

/** The same after `marker`, in its order; `next` where more follow. */
export async function listTrashByMarker(
  db: Kysely<Tables>,
  owner: UserId,
  { marker, limit, order = BY_NAME, ...page }: TrashPage & { marker: Marker | undefined },
): Promise<MarkedPage<Listed>> {
  const found = await pageByMarker(trashOf(db, owner), { marker, order, limit });
  return pageAfter(found, await listedItems(db, found.rows, page));
}

function trashOf(db: Kysely<Tables>, owner: UserId): ItemList {
  const items = narrowItems(db).where('owner_id', '=', owner).whereRef('trashed_with', '=', 'id');
  return { items, columns: TRASH_COLUMNS };
}
