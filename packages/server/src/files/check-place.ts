import type { ItemId, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { DomainError, type DomainErrorCode } from '../errors.ts';
import { type FoundItem, findFolder } from './find.ts';
import { findNameConflict, nameInUseError } from './names.ts';

/** The folder and name for a file or folder. */
interface Place {
  owner: UserId;
  folderId: ItemId;
  name: string;
  /** The item that is to have this name, which is not a conflict; undefined for a new item. */
  except?: ItemId;
}

/**
 * Verifies that the folder exists and the name is free. Throws `missing` if the owner has no such folder, `trashed`,
 * and `name-in-use`. The result can be outdated at once, so writers check again while they hold the tree's lock.
 */
export async function checkPlace(
  db: Kysely<Tables>,
  place: Place,
  missing: DomainErrorCode = 'not-found',
): Promise<void> {
  await getFolder(db, place.owner, place.folderId, missing);
  const conflict = await findNameConflict(db, place);
  if (conflict !== undefined) throw nameInUseError(conflict);
}

/** Gets a folder that is not in the trash. Throws `missing` or `trashed`. */
export async function getFolder(
  db: Kysely<Tables>,
  owner: UserId,
  id: ItemId,
  missing: DomainErrorCode = 'not-found',
): Promise<FoundItem> {
  const folder = await findFolder(db, owner, id);
  if (folder === undefined) throw new DomainError(missing, 'The folder does not exist.');
  if (folder.trashed_at !== null) throw new DomainError('trashed', 'The folder is in the trash.');
  return folder;
}
