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
  /** Null for the top of a tree that nobody sees yet. */
  folderId: ItemId | null;
  name: string;
  description: string;
  /** The column as `withDetails` makes it. */
  details: string;
  versionId: VersionId | null;
  by: UserId;
  now: Millis;
  contentCreatedAt: Millis;
  contentModifiedAt: Millis;
  /** Bytes of a file; of a folder that comes with what is in it, of all below. */
  size: number;
  /** How many items such a folder comes with. */
  childCount?: number;
}

/** Puts an item into a folder of a tree that is held, and counts it there. Refuses `item_name_in_use`. */
export async function insertItem(tx: Transaction<Tables>, made: NewItem & { folderId: ItemId }): Promise<void> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('items')
    .values(newItemRow(made))
    // A unique error would end the whole transaction on PostgreSQL.
    .onConflict((conflict) => conflict.columns(['parent_id', 'name_key']).where('trashed_at', 'is', null).doNothing())
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows === 0n) throw await refusalOf(tx, made);
  await updateFolderTotals(tx, made.folderId, { items: 1, bytes: made.size });
}

async function refusalOf(tx: Transaction<Tables>, made: NewItem & { folderId: ItemId }): Promise<DomainError> {
  const namesake = await findNameConflict(tx, made);
  return namesake === undefined
    ? new DomainError('blocked', 'The name was taken a moment ago: send this again.')
    : nameInUseError(namesake, { asArray: made.kind === 'folder' });
}

/** The row of an item that is new. */
export function newItemRow(made: NewItem): ItemRow {
  return {
    id: made.id,
    kind: made.kind,
    owner_id: made.by,
    parent_id: made.folderId,
    name: made.name,
    name_key: nameKey(made.name),
    description: made.description,
    details: made.details,
    etag: 0,
    version_id: made.versionId,
    created_at: made.now,
    modified_at: made.now,
    content_created_at: made.contentCreatedAt,
    content_modified_at: made.contentModifiedAt,
    created_by: made.by,
    modified_by: made.by,
    trashed_at: null,
    trashed_with: null,
    child_count: made.childCount ?? 0,
    size: made.size,
  };
}

/**
 * Makes an empty folder. Refuses `not_found` and `trashed` for its parent, `item_name_in_use`, `item_name_invalid`;
 * `operation_limit_exceeded` if it would be too deep, `storage_limit_exceeded` if the user has too many items.
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
