import type { ItemId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { beingCopied } from './tree-jobs.ts';

/**
 * Counts what came into a folder or left it: `items` for the folder itself, `bytes` for it and every folder above. The
 * tree is held. So that a folder's size and the number of its items are there to be read, however much it holds. Refuses
 * `operation_blocked_temporary` while the folder, or one above it, is being copied.
 */
export async function tally(
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
  if (numUpdatedRows === 0n) throw beingCopied();
}
