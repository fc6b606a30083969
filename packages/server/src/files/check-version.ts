import type { ItemId, UserId } from '@partway/protocol/ids';
import type { ItemDetails } from '@partway/protocol/item-details';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { checkPlace } from './check-place.ts';
import { findChangeable } from './find-changeable.ts';
import { checkName } from './names.ts';

/** A change to a file: another name, description and details where they are given, only in the state that `ifMatch` names. */
export interface VersionChange {
  name?: string;
  description?: string;
  details?: Partial<ItemDetails>;
  ifMatch?: string;
}

/** Refuses a new version that could not be published now, as `publishNewVersion` would. */
export async function checkVersion(
  db: Kysely<Tables>,
  owner: UserId,
  fileId: ItemId,
  { name, ifMatch }: VersionChange,
): Promise<void> {
  const file = await findChangeable(db, { kind: 'file', owner, id: fileId, ifMatch });
  if (name === undefined || name === file.name) return;
  checkName(name);
  await checkPlace(db, { owner, folderId: file.parent_id as ItemId, name, except: fileId });
}
