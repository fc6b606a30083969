import type { Transaction } from 'kysely';
import type { ContentId, ItemId, UserId } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';
import { chargeSpace } from './charge-space.ts';
import { dropContents } from './drop-contents.ts';
import type { Files } from './files.ts';
import { needTrashed, type Trashed } from './find-trashed.ts';
import { holdTree } from './hold-tree.ts';

/** How many contents a deletion removes itself, so that it ends soon; what is more the sweep finds. */
const REMOVED_AT_ONCE = 1000;

/**
 * Deletes a file, or a folder with all that went along with it, out of the trash: rows first, then bytes that no version
 * names any more; a crash between leaves those to the sweep. What went to the trash by itself out of such a folder stays
 * there, and would be restored to the root. Refuses `not_found` and `not_trashed`.
 */
export async function deleteForGood(files: Files, trashed: Trashed): Promise<void> {
  const { caller, id } = trashed;
  const contents = await files.db.transaction().execute(async (tx) => {
    await holdTree(tx, caller);
    await needTrashed(tx, trashed);
    await keepOthers(tx, caller, id);
    const named = await namedBelow(tx, id);
    await deleteRows(tx, id);
    await chargeSpace(tx, caller, { used: -named.bytes }, undefined);
    return named.contents;
  });
  await dropContents(files, contents);
}

/** Items that are in the trash by themselves, in a folder that goes: they are the root's from now on. */
async function keepOthers(tx: Transaction<Tables>, owner: UserId, id: ItemId): Promise<void> {
  await tx
    .updateTable('items')
    .set((row) => ({ parent_id: row.selectFrom('users').select('root_id').where('users.id', '=', owner) }))
    .where('parent_id', 'in', (query) =>
      query.selectFrom('items as gone').select('gone.id').where('gone.trashed_with', '=', id),
    )
    .where('trashed_with', '!=', id)
    .execute();
}

async function namedBelow(tx: Transaction<Tables>, id: ItemId): Promise<{ bytes: number; contents: ContentId[] }> {
  const versions = tx
    .selectFrom('versions')
    .innerJoin('items', 'items.id', 'versions.file_id')
    .where('items.trashed_with', '=', id);
  const { bytes } = await versions.select(({ fn }) => fn.sum('versions.size').as('bytes')).executeTakeFirstOrThrow();
  const rows = await versions.select('versions.content_id').distinct().limit(REMOVED_AT_ONCE).execute();
  return { bytes: Number(bytes ?? 0), contents: rows.map((row) => row.content_id) };
}

async function deleteRows(tx: Transaction<Tables>, id: ItemId): Promise<void> {
  await tx
    .deleteFrom('versions')
    .where('file_id', 'in', (query) =>
      query.selectFrom('items').select('items.id').where('items.trashed_with', '=', id),
    )
    .execute();
  await tx.deleteFrom('items').where('trashed_with', '=', id).execute();
}
