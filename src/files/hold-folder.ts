import type { Transaction } from 'kysely';
import type { ItemId, UserId } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';
import { needFolder } from './check-place.ts';

/**
 * Keeps a folder as it is until the transaction ends: nobody else gives or takes a name in it meanwhile, and it does
 * not go to the trash. Whoever changes names in a folder holds it first. Refuses as `needFolder` does.
 */
export async function holdFolder(tx: Transaction<Tables>, owner: UserId, folderId: ItemId): Promise<void> {
  // A write that changes nothing takes the row's lock, which SQLite and PostgreSQL both understand.
  await tx
    .updateTable('items')
    .set((row) => ({ etag: row.ref('etag') }))
    .where('id', '=', folderId)
    .execute();
  await needFolder(tx, owner, folderId);
}
