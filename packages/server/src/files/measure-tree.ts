import type { ItemId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';

export interface TreeSize {
  /** Files and folders below the folder, or only folders; `most + 1` if there are more. */
  items: number;
  /** Levels of folders below the folder: 0 if it has none. */
  height: number;
}

/**
 * How much is in use below a folder, in one statement that reads `most + 1` rows at most. Call it outside of transactions:
 * what it tells may be different a moment later.
 */
export async function measureTree(
  db: Kysely<Tables>,
  folderId: ItemId,
  { most, foldersOnly = false }: { most: number; foldersOnly?: boolean },
): Promise<TreeSize> {
  const { items, height } = await db
    .withRecursive('below(id, kind, height)', (query) =>
      query
        .selectFrom('items')
        .select(({ lit }) => ['items.id', 'items.kind', lit(0).as('height')])
        .where('items.id', '=', folderId)
        .unionAll(
          query
            .selectFrom('items')
            .innerJoin('below', 'below.id', 'items.parent_id')
            .select((row) => ['items.id', 'items.kind', row('height', '+', 1).as('height')])
            .where('items.trashed_at', 'is', null)
            .$if(foldersOnly, (below) => below.where('items.kind', '=', 'folder')),
        ),
    )
    .selectFrom((query) =>
      query
        .selectFrom('below')
        .select(['kind', 'height'])
        .limit(most + 2)
        .as('below_most'),
    )
    .select(({ fn, eb }) => [
      fn.countAll().as('items'),
      fn.max(eb.case().when('kind', '=', 'folder').then(eb.ref('height')).else(0).end()).as('height'),
    ])
    .executeTakeFirstOrThrow();
  return { items: Number(items) - 1, height: Number(height ?? 0) };
}
