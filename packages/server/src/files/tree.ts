import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Kysely, Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { limitReached } from '../limits.ts';
import type { FileContext } from './context.ts';
import type { FoundItem } from './find.ts';
import { beingCopiedError } from './tree-jobs.ts';

/**
 * Adds to the totals of a folder after items are added or removed: `items` to the folder itself, `bytes` to it and all
 * its parents. With these totals, reading a folder's size takes the same time regardless of its contents. The tree must
 * be locked. Throws `blocked` while the folder or one of its parents is being copied.
 */
export async function updateFolderTotals(
  tx: Transaction<Tables>,
  folderId: ItemId,
  { items = 0, bytes = 0 }: { items?: number; bytes?: number },
): Promise<void> {
  if (items === 0 && bytes === 0) return;
  const { numUpdatedRows } = await tx
    .withRecursive('above(id, parent_id)', (query) =>
      query
        .selectFrom('items')
        .select(['items.id', 'items.parent_id'])
        .where('items.id', '=', folderId)
        .unionAll(
          query
            .selectFrom('items')
            .innerJoin('above', 'above.parent_id', 'items.id')
            .select(['items.id', 'items.parent_id']),
        ),
    )
    .updateTable('items')
    .set((row) => ({
      size: row('size', '+', bytes),
      child_count: row
        .case()
        .when('id', '=', folderId)
        .then(row('child_count', '+', items))
        .else(row.ref('child_count'))
        .end(),
    }))
    .$if(bytes !== 0, (update) => update.where('id', 'in', (query) => query.selectFrom('above').select('above.id')))
    .$if(bytes === 0, (query) => query.where('id', '=', folderId))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('tree_jobs')
            .select('tree_jobs.id')
            .where('tree_jobs.source_id', 'in', (query) => query.selectFrom('above').select('above.id')),
        ),
      ),
    )
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw beingCopiedError();
}

/**
 * Locks the owner's tree until the transaction ends. Every transaction that changes names, parents or counters takes
 * this lock before it reads: so its reads stay valid, concurrent moves cannot form a cycle, and there are no deadlocks.
 */
export async function lockTree(tx: Transaction<Tables>, owner: UserId): Promise<void> {
  // An update without an effect locks the row in both SQLite and PostgreSQL.
  await tx
    .updateTable('users')
    .set((row) => ({ space_used: row.ref('space_used') }))
    .where('id', '=', owner)
    .execute();
}

export interface TreeSize {
  /** Files and folders below the folder, or only folders; `max + 1` if there are more than `max`. */
  items: number;
  /** Levels of folders below the folder: 0 if it has none. */
  height: number;
}

/**
 * Counts the items below a folder that are not in the trash, with one statement that reads at most `max + 2` rows. Call
 * it outside transactions, so that nobody waits for it. The result can be outdated at once.
 */
export async function measureTree(
  db: Kysely<Tables>,
  folderId: ItemId,
  { max, foldersOnly = false }: { max: number; foldersOnly?: boolean },
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
        .limit(max + 2)
        .as('below_limited'),
    )
    .select(({ fn, eb }) => [
      fn.countAll().as('items'),
      fn.max(eb.case().when('kind', '=', 'folder').then(eb.ref('height')).else(0).end()).as('height'),
    ])
    .executeTakeFirstOrThrow();
  return { items: Number(items) - 1, height: Number(height ?? 0) };
}

/** Throws `limit-exceeded` if a folder with `height` levels of subfolders would be nested too deeply in `target`. */
export function assertDepth(
  { limits }: Pick<FileContext, 'limits'>,
  target: Pick<FoundItem, 'depth'>,
  height = 0,
): void {
  const depth = target.depth + 1 + height;
  if (depth <= limits.depth) return;
  throw limitReached(
    'depth',
    `Folders can be nested ${limits.depth} levels deep, and this would be level ${depth}. Choose a folder closer to the root.`,
    { depth, most: limits.depth },
  );
}

/**
 * Counts the levels of subfolders in a folder that is to be moved. Call it before the transaction, so that nobody waits
 * for it. Throws `limit-exceeded` if there are too many folders to count.
 */
export async function getHeight(
  { limits }: Pick<FileContext, 'limits'>,
  db: Kysely<Tables>,
  folder: Pick<ItemRow, 'id' | 'child_count'>,
): Promise<number> {
  if (folder.child_count === 0) return 0;
  const { items, height } = await measureTree(db, folder.id, { max: limits.copyItems, foldersOnly: true });
  if (items > limits.copyItems) throw tooManyFoldersError(limits.copyItems);
  return height;
}

function tooManyFoldersError(max: number) {
  return limitReached(
    'copyItems',
    `The folder has more than ${max} subfolders, too many to move to a deeper level at once. Move its subfolders one by one.`,
    { most: max },
  );
}
