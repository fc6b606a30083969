import type { ItemId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemRow, Tables } from '../database/schema.ts';
import { findFile, findFolder } from '../files/find.ts';
import type { Principal } from './principal.ts';
import { parseResource } from './resource.ts';

/** The file or folder of this user's that an address of the API names, in use; undefined where there is none. */
export async function findResource(
  db: Kysely<Tables>,
  { userId, rootId }: Pick<Principal, 'userId' | 'rootId'>,
  address: string,
): Promise<ItemRow | undefined> {
  const resource = parseResource(address);
  if (resource === undefined) return undefined;
  const { kind, id } = resource;
  const item =
    kind === 'file'
      ? await findFile(db, userId, id as ItemId)
      : await findFolder(db, userId, id === 0 ? rootId : (id as ItemId));
  return item?.trashed_at === null ? item : undefined;
}
