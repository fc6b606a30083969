import type { ItemId, Millis } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { tally } from './tree.ts';

/** Puts one item of a tree that is held, itself, in the trash. It no longer counts in the folders above. */
export async function putInTrash(tx: Transaction<Tables>, item: ItemRow, now: Millis): Promise<void> {
  await tx
    .updateTable('items')
    .set((row) => ({ trashed_at: now, trashed_with: item.id, etag: row('etag', '+', 1) }))
    .where('id', '=', item.id)
    .execute();
  await tally(tx, item.parent_id as ItemId, { items: -1, bytes: -item.size });
}
