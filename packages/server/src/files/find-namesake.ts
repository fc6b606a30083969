import { Refusal } from '@partway/protocol/errors';
import type { ItemId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { fileMini, folderMini, type Mini } from './minis.ts';
import { nameKey } from './names.ts';

/** The item that has this name in the folder, other than `except`; undefined where the name is free. */
export async function findNamesake(
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
export function nameInUse(namesake: Mini, { asArray = false } = {}): Refusal {
  return new Refusal('item_name_in_use', 'Item with the same name already exists', {
    context: { conflicts: asArray ? [namesake] : namesake },
  });
}
