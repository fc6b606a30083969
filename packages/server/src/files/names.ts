import type { ItemId } from '@partway/protocol/ids';
import { itemNameFault, nameKey } from '@partway/protocol/names';
import type { Kysely, Transaction } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { DomainError } from '../errors.ts';
import { fileMini, folderMini, type Mini } from './find.ts';
import { checkNotCopied } from './tree-jobs.ts';

/** Throws `name-invalid` or `name-too-long` if a file or folder cannot have this name. */
export function assertValidName(name: string): void {
  const fault = itemNameFault(name);
  if (fault !== undefined) throw new DomainError(fault.kind ?? 'name-invalid', `The name ${fault.message}.`);
}

/** Finds the item, other than `except`, that has this name in the folder. Returns undefined if the name is free. */
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

/**
 * The error for a name that another item has. Its `context_info.conflicts` is an object for files and an array for
 * folders, as in Box's API: some clients fail on the other form. The message is Box's too.
 */
export function nameInUseError(conflict: Mini, { asArray = false } = {}): DomainError {
  return new DomainError('name-in-use', 'Item with the same name already exists', {
    context: { conflicts: asArray ? [conflict] : conflict },
  });
}

/**
 * Verifies that an item can have this name, in its own folder or in another one. The tree must be locked. Throws
 * `name-invalid`, `name-too-long`, `name-in-use`, and `blocked` while the folder is being copied: the copy reads it in
 * batches, so a name that moves from one item to another in between could appear twice in the copy.
 */
export async function assertNameFree(
  tx: Transaction<Tables>,
  item: ItemRow,
  { name = item.name, folderId = item.parent_id as ItemId }: { name?: string; folderId?: ItemId },
): Promise<void> {
  assertValidName(name);
  await checkNotCopied(tx, item.owner_id, folderId);
  const conflict = await findNameConflict(tx, { folderId, name, except: item.id });
  if (conflict !== undefined) throw nameInUseError(conflict, { asArray: item.kind === 'folder' });
}
