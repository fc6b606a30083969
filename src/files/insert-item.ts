import type { Transaction } from 'kysely';
import type { ItemId, Millis, UserId, VersionId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import type { ItemKind, Tables } from '../sql/tables.ts';
import { findNamesake, nameInUse } from './find-namesake.ts';
import { nameKey } from './names.ts';

export interface NewItem {
  id: ItemId;
  kind: ItemKind;
  folderId: ItemId;
  name: string;
  description: string;
  versionId: VersionId | null;
  by: UserId;
  now: Millis;
  contentCreatedAt: Millis;
  contentModifiedAt: Millis;
}

/** Puts an item into a folder that is held. Refuses `item_name_in_use`. */
export async function insertItem(tx: Transaction<Tables>, made: NewItem): Promise<void> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('items')
    .values({
      id: made.id,
      kind: made.kind,
      owner_id: made.by,
      parent_id: made.folderId,
      name: made.name,
      name_key: nameKey(made.name),
      description: made.description,
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
    })
    // A unique error would end the whole transaction on PostgreSQL.
    .onConflict((conflict) => conflict.columns(['parent_id', 'name_key']).where('trashed_at', 'is', null).doNothing())
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows !== 0n) return;
  const namesake = await findNamesake(tx, made);
  if (namesake === undefined) {
    throw new Refusal('operation_blocked_temporary', 'The name was taken a moment ago: send this again.');
  }
  throw nameInUse(namesake, { asArray: made.kind === 'folder' });
}
