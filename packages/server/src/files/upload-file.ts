import type { ItemId } from '@partway/protocol/ids';
import type { ItemDetails } from '@partway/protocol/item-details';
import { checkPlace } from './check-place.ts';
import type { Files } from './context.ts';
import { storeContent, type WholeBody } from './direct-upload.ts';
import { checkName } from './names.ts';
import { type Published, publishNewFile } from './publish.ts';

/**
 * Makes a file of a body that comes in one piece. Of two uploads of one name the first to end gets it. Refuses what
 * `checkPlace` does before a byte is stored, what `storeContent` does after.
 */
export async function uploadFile(
  files: Files,
  place: { folderId: ItemId; name: string; description?: string; details?: Partial<ItemDetails> },
  body: WholeBody,
): Promise<Published> {
  checkName(place.name);
  await checkPlace(files.db, { owner: body.caller, folderId: place.folderId, name: place.name });
  return storeContent(files, body, (tx, made) => publishNewFile(tx, place, made));
}
