import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../database/schema.ts';

/** An item as it is found by its ID: what is in the trash because a folder above it is, says so. */
export interface FoundItem extends ItemRow {
  /** How many folders are above it: 0 for a root folder, 1 for what is in it. Up to the trash for what is there. */
  depth: number;
}

/**
 * An item, also from the trash; undefined if there is none of this kind and owner. One walk up its folders, which ends at
 * the first that went to the trash itself, or at the root of the user. Any other end is a tree that is being copied or
 * deleted in batches: nobody sees what is in it.
 */
export async function findItem(
  db: Kysely<Tables>,
  { kind, owner, id }: { kind: ItemKind; owner: UserId | undefined; id: ItemId },
): Promise<FoundItem | undefined> {
  const row = await db
    .withRecursive('above(id, parent_id, trashed_at, height)', (query) =>
      query
        .selectFrom('items')
        .select(({ lit }) => ['items.id', 'items.parent_id', 'items.trashed_at', lit(0).as('height')])
        .where('items.id', '=', id)
        .unionAll(
          query
            .selectFrom('items')
            .innerJoin('above', 'above.parent_id', 'items.id')
            .select((row) => ['items.id', 'items.parent_id', 'items.trashed_at', row('height', '+', 1).as('height')])
            .where('above.trashed_at', 'is', null),
        ),
    )
    .selectFrom('items')
    .innerJoin('users', 'users.id', 'items.owner_id')
    .innerJoin('above as above_top', (join) =>
      join.on((row) => row.or([row('above_top.trashed_at', 'is not', null), row('above_top.parent_id', 'is', null)])),
    )
    .selectAll('items')
    .select(['above_top.id as top_id', 'above_top.trashed_at as top_trashed_at', 'above_top.height as depth'])
    .where('items.id', '=', id)
    .where('items.kind', '=', kind)
    .where((row) =>
      row.or([row('above_top.trashed_at', 'is not', null), row('above_top.id', '=', row.ref('users.root_id'))]),
    )
    .$if(owner !== undefined, (query) => query.where('items.owner_id', '=', owner as UserId))
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { top_id: topId, top_trashed_at: trashedAt, ...item } = row;
  return { ...item, trashed_at: trashedAt, trashed_with: trashedAt === null ? null : topId };
}
