import type { ItemId, UserId } from '@partway/protocol/ids';
import { type ItemDetails, withDetails } from '@partway/protocol/item-details';
import type { ItemRow } from '../database/schema.ts';
import { newId } from '../database/values.ts';
import { checkDepth } from './check-depth.ts';
import { needFolder } from './check-place.ts';
import type { Files } from './context.ts';
import { insertItem } from './items.ts';
import { checkName } from './names.ts';
import { chargeSpace } from './quota.ts';

/**
 * Makes an empty folder. Refuses `not_found` and `trashed` for its parent, `item_name_in_use`, `item_name_invalid`;
 * `operation_limit_exceeded` if it would be too deep, `storage_limit_exceeded` if the user has too many items.
 */
export async function createFolder(
  files: Files,
  place: { caller: UserId; folderId: ItemId; name: string; description?: string; details?: Partial<ItemDetails> },
): Promise<ItemRow> {
  checkName(place.name);
  const id = newId<ItemId>();
  const at = files.clock.now();
  return files.db.transaction().execute(async (tx) => {
    await chargeSpace(tx, place.caller, { items: 1 }, undefined, files.limits.items);
    checkDepth(files, await needFolder(tx, place.caller, place.folderId));
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
    return needFolder(tx, place.caller, id);
  });
}
