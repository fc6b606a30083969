import { Refusal } from '@partway/protocol/errors';
import type { ItemId, Millis, UserId, VersionId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../database/schema.ts';
import { findNamesake, nameInUse } from './find-namesake.ts';
import { nameKey } from './names.ts';
import { tally } from './tree.ts';

export interface NewItem {
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
    .values(itemRowOf(made))
    // A unique error would end the whole transaction on PostgreSQL.
    .onConflict((conflict) => conflict.columns(['parent_id', 'name_key']).where('trashed_at', 'is', null).doNothing())
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows === 0n) throw await refusalOf(tx, made);
  await tally(tx, made.folderId, { items: 1, bytes: made.size });
}

async function refusalOf(tx: Transaction<Tables>, made: NewItem & { folderId: ItemId }): Promise<Refusal> {
  const namesake = await findNamesake(tx, made);
  return namesake === undefined
    ? new Refusal('operation_blocked_temporary', 'The name was taken a moment ago: send this again.')
    : nameInUse(namesake, { asArray: made.kind === 'folder' });
}

/** The row of an item that is new. */
export function itemRowOf(made: NewItem): ItemRow {
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
