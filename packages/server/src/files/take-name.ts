import type { ItemId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { findNamesake, nameInUse } from './find-namesake.ts';
import { checkName } from './names.ts';
import { checkNotCopied } from './tree-jobs.ts';

/**
 * Makes sure that an item of a tree that is held can have this name, in its own folder or another. Refuses
 * `item_name_invalid`, `item_name_in_use`, and `operation_blocked_temporary` while the folder is being copied: two names
 * that are one after the other in its original must not meet in the copy.
 */
export async function takeName(
  tx: Transaction<Tables>,
  item: ItemRow,
  { name = item.name, folderId = item.parent_id as ItemId }: { name?: string; folderId?: ItemId },
): Promise<void> {
  checkName(name);
  await checkNotCopied(tx, item.owner_id, folderId);
  const namesake = await findNamesake(tx, { folderId, name, except: item.id });
  if (namesake !== undefined) throw nameInUse(namesake, { asArray: item.kind === 'folder' });
}
