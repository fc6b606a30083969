import type { ItemId, Millis, UserId, VersionId } from '@partway/protocol/ids';
import { type ItemDetails, withDetails } from '@partway/protocol/item-details';
import { nameKey } from '@partway/protocol/names';
import type { Transaction } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../database/schema.ts';
import { newId } from '../database/values.ts';
import { DomainError } from '../errors.ts';
import { getFolder } from './check-place.ts';
import type { FileContext } from './context.ts';
import { assertValidName, findNameConflict, nameInUseError } from './names.ts';
import { chargeSpace } from './quota.ts';
import { assertDepth, updateFolderTotals } from './tree.ts';

interface NewItem {
  id: ItemId;
  kind: ItemKind;
  /** Null for the top of a tree that is not visible yet. */
  folderId: ItemId | null;
  name: string;
  description: string;
  /** The column's value, from `withDetails`. */
  details: string;
  versionId: VersionId | null;
  by: UserId;
  now: Millis;
  contentCreatedAt: Millis;
  contentModifiedAt: Millis;
  /** Bytes of a file, or of everything in a folder that is copied; 0 for a new folder. */
  size: number;
  /** Items directly in a folder that is copied. */
  childCount?: number;
}

/** Inserts an item into a folder and updates the folder's totals. The tree must be locked. Throws `name-in-use`. */
export async function insertItem(tx: Transaction<Tables>, item: NewItem & { folderId: ItemId }): Promise<void> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('items')
    .values(newItemRow(item))
    // On PostgreSQL, a unique violation would abort the whole transaction.
    .onConflict((conflict) => conflict.columns(['parent_id', 'name_key']).where('trashed_at', 'is', null).doNothing())
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows === 0n) throw await findNameError(tx, item);
  await updateFolderTotals(tx, item.folderId, { items: 1, bytes: item.size });
}

async function findNameError(tx: Transaction<Tables>, item: NewItem & { folderId: ItemId }): Promise<DomainError> {
  const conflict = await findNameConflict(tx, item);
  return conflict === undefined
    ? new DomainError('blocked', 'The name was in use a moment ago. Try again.')
    : nameInUseError(conflict, { asArray: item.kind === 'folder' });
}

export function newItemRow(item: NewItem): ItemRow {
  return {
    id: item.id,
    kind: item.kind,
    owner_id: item.by,
    parent_id: item.folderId,
    name: item.name,
    name_key: nameKey(item.name),
    description: item.description,
    details: item.details,
    etag: 0,
    version_id: item.versionId,
    created_at: item.now,
    modified_at: item.now,
    content_created_at: item.contentCreatedAt,
    content_modified_at: item.contentModifiedAt,
    created_by: item.by,
    modified_by: item.by,
    trashed_at: null,
    trashed_with: null,
    child_count: item.childCount ?? 0,
    size: item.size,
  };
}

/**
 * Creates an empty folder. Throws `not-found` or `trashed` for its parent, `name-in-use`, `name-invalid`,
 * `name-too-long`, `limit-exceeded` if it would be nested too deeply, and `quota-exceeded` if the user has too many
 * items.
 */
export async function createFolder(
  context: FileContext,
  place: { caller: UserId; folderId: ItemId; name: string; description?: string; details?: Partial<ItemDetails> },
): Promise<ItemRow> {
  assertValidName(place.name);
  const id = newId<ItemId>();
  const at = context.clock.now();
  return context.db.transaction().execute(async (tx) => {
    await chargeSpace(tx, place.caller, { items: 1 }, undefined, context.limits.items);
    assertDepth(context, await getFolder(tx, place.caller, place.folderId));
    await insertItem(tx, {
      id,
      kind: 'folder',
      folderId: place.folderId,
      name: place.name,
      description: place.description ?? '',
      details: withDetails('', place.details ?? {}),
      versionId: null,
      by: place.caller,
      now: at,
      contentCreatedAt: at,
      contentModifiedAt: at,
      size: 0,
    });
    return getFolder(tx, place.caller, id);
  });
}
