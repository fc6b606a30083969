import type { Transaction } from 'kysely';
import type { Millis } from '../api/ids.ts';
import type { ItemRow, Tables } from '../sql/tables.ts';
import { changedMeanwhile } from './find-changeable.ts';

/** Puts one item, itself, in the trash: from here until the transaction ends nothing new can come into a folder. */
export async function putInTrash(
  tx: Transaction<Tables>,
  item: ItemRow,
  { now, ifMatch }: { now: Millis; ifMatch: string | undefined },
): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('items')
    .set((row) => ({ trashed_at: now, trashed_with: item.id, etag: row('etag', '+', 1) }))
    .where('id', '=', item.id)
    .where('trashed_at', 'is', null)
    .$if(ifMatch !== undefined, (query) => query.where('etag', '=', item.etag))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw changedMeanwhile(item.kind, ifMatch);
}
