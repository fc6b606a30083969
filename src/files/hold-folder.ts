import type { Transaction } from 'kysely';
import type { ItemId, UserId } from '../api/ids.ts';
import type { ItemRow, Tables } from '../sql/tables.ts';
import { needFolder } from './check-place.ts';
import { holdTree } from './hold-tree.ts';

/** Holds the owner's tree, and gives a folder of it that is in use. Refuses as `needFolder` does. */
export async function holdFolder(tx: Transaction<Tables>, owner: UserId, folderId: ItemId): Promise<ItemRow> {
  await holdTree(tx, owner);
  return needFolder(tx, owner, folderId);
}
