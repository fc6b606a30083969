import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Kysely, Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { limitReached } from '../limits.ts';
import type { FileContext } from './context.ts';
import type { FoundItem } from './find.ts';
import { beingCopiedError } from './tree-jobs.ts';

/**
 * Counts what came into a folder or left it: `items` for the folder itself, `bytes` for it and every folder above. The
 * tree is held. So that a folder's size and the number of its items are there to be read, however much it holds. Refuses
 * `operation_blocked_temporary` while the folder, or one above it, is being copied.
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
    .$if(bytes !== 0, (query) => query.where('id', 'in', (all) => all.selectFrom('above').select('above.id')))
    .$if(bytes === 0, (query) => query.where('id', '=', folderId))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('tree_jobs')
            .select('tree_jobs.id')
            .where('tree_jobs.source_id', 'in', (all) => all.selectFrom('above').select('above.id')),
        ),
      ),
    )
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw beingCopiedError();
}

/**
 * Makes this transaction the only one that changes the owner's tree until it ends. Whoever changes names, places or
 * counters holds the tree first: then nothing that was read in the transaction changes under its hands, no two moves
 * make a cycle, and no two transactions wait for each other.
 */
export async function lockTree(tx: Transaction<Tables>, owner: UserId): Promise<void> {
  // A write that changes nothing takes the row's lock, which SQLite and PostgreSQL both understand.
  await tx
    .updateTable('users')
    .set((row) => ({ space_used: row.ref('space_used') }))
    .where('id', '=', owner)
    .execute();
}

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

/** Refuses `operation_limit_exceeded` for a folder, with `height` levels of folders in it, that goes into another. */
export function assertDepth({ limits }: Pick<FileContext, 'limits'>, into: Pick<FoundItem, 'depth'>, height = 0): void {
  const depth = into.depth + 1 + height;
  if (depth <= limits.depth) return;
  throw limitReached(
    'depth',
    `Folders may be ${limits.depth} deep here, and this would be ${depth}: choose a folder further up.`,
    { depth, most: limits.depth },
  );
}

/**
 * How many levels of folders are in a folder that is to go elsewhere. Read before the transaction, which then holds
 * nobody up for it. Refuses `operation_limit_exceeded` if there are too many folders to say.
 */
export async function getHeight(
  { limits }: Pick<FileContext, 'limits'>,
  db: Kysely<Tables>,
  folder: Pick<ItemRow, 'id' | 'child_count'>,
): Promise<number> {
  if (folder.child_count === 0) return 0;
  const { items, height } = await measureTree(db, folder.id, { most: limits.copyItems, foldersOnly: true });
  if (items > limits.copyItems) throw tooManyToMove(limits.copyItems);
  return height;
}

function tooManyToMove(most: number) {
  return limitReached(
    'copyItems',
    `There are more than ${most} folders in it, too many to go deeper at once: move what is in it, one by one.`,
    { most },
  );
}
