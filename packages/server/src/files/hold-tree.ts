import type { UserId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';

/**
 * Makes this transaction the only one that changes the owner's tree until it ends. Whoever changes names, places or
 * counters holds the tree first: then nothing that was read in the transaction changes under its hands, no two moves
 * make a cycle, and no two transactions wait for each other.
 */
export async function holdTree(tx: Transaction<Tables>, owner: UserId): Promise<void> {
  // A write that changes nothing takes the row's lock, which SQLite and PostgreSQL both understand.
  await tx
    .updateTable('users')
    .set((row) => ({ space_used: row.ref('space_used') }))
    .where('id', '=', owner)
    .execute();
}
