import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { DomainError, type DomainErrorCode } from '../errors.ts';
import { type FoundItem, findFolder } from './find.ts';
import { findNameConflict, nameInUseError } from './names.ts';

/** Where a file or folder is to be: its owner, folder and name; `except` is the item itself, where it is there already. */
interface Place {
  owner: UserId;
  folderId: ItemId;
  name: string;
  except?: ItemId;
}

/**
 * Refuses a place that cannot be taken now: `missing` where there is no such folder of the owner's, `trashed`,
 * `item_name_in_use`. A promise of nothing: whoever writes there checks again, with the tree held.
 */
export async function checkPlace(
  db: Kysely<Tables>,
  place: Place,
  missing: DomainErrorCode = 'not-found',
): Promise<void> {
  await getFolder(db, place.owner, place.folderId, missing);
  const namesake = await findNameConflict(db, place);
  if (namesake !== undefined) throw nameInUseError(namesake);
}

/** The owner's folder, in use. Refuses `missing` and `trashed`. */
export async function getFolder(
  db: Kysely<Tables>,
  owner: UserId,
  id: ItemId,
  missing: DomainErrorCode = 'not-found',
): Promise<FoundItem> {
  const folder = await findFolder(db, owner, id);
  if (folder === undefined) throw new DomainError(missing, 'There is no such folder.');
  if (folder.trashed_at !== null) throw new DomainError('trashed', 'The folder is in the trash.');
  return folder;
}
