import type { ItemId } from '@partway/protocol/ids';
import { itemNameFault, nameKey } from '@partway/protocol/names';
import type { Kysely, Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import { fileMini, folderMini, type Mini } from './find.ts';
import { checkNotCopied } from './tree-jobs.ts';

/** Refuses what cannot be the name of a file or folder (wire: "Errors", names). */
export function assertValidName(name: string): void {
  const fault = itemNameFault(name);
  if (fault !== undefined) throw new DomainError(fault.kind ?? 'name-invalid', `The name ${fault.says}.`);
}

/** The item that has this name in the folder, other than `except`; undefined where the name is free. */
export async function findNameConflict(
  db: Kysely<Tables>,
  place: { folderId: ItemId; name: string; except?: ItemId },
): Promise<Mini | undefined> {
  const row = await db
    .selectFrom('items')
    .leftJoin('versions', 'versions.id', 'items.version_id')
    .select(['items.id', 'items.parent_id', 'items.etag', 'items.name', 'items.version_id', 'versions.sha1'])
    .where('items.parent_id', '=', place.folderId)
    .where('items.name_key', '=', nameKey(place.name))
    .where('items.trashed_at', 'is', null)
    .$if(place.except !== undefined, (query) => query.where('items.id', '!=', place.except as ItemId))
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.version_id === null || row.sha1 === null) return folderMini(row);
  return fileMini(row, { id: row.version_id, sha1: row.sha1 });
}

/** The refusal of a taken name. `conflicts` holds the item that has it; for new folders in an array (wire: "What breaks clients"). */
export function nameInUseError(namesake: Mini, { asArray = false } = {}): DomainError {
  return new DomainError('name-in-use', 'Item with the same name already exists', {
    context: { conflicts: asArray ? [namesake] : namesake },
  });
}

/**
 * Makes sure that an item of a tree that is held can have this name, in its own folder or another. Refuses
 * `item_name_invalid`, `item_name_in_use`, and `operation_blocked_temporary` while the folder is being copied: two names
 * that are one after the other in its original must not meet in the copy.
 */
export async function assertNameFree(
  tx: Transaction<Tables>,
  item: ItemRow,
  { name = item.name, folderId = item.parent_id as ItemId }: { name?: string; folderId?: ItemId },
): Promise<void> {
  assertValidName(name);
  await checkNotCopied(tx, item.owner_id, folderId);
  const namesake = await findNameConflict(tx, { folderId, name, except: item.id });
  if (namesake !== undefined) throw nameInUseError(namesake, { asArray: item.kind === 'folder' });
}
