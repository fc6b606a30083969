import { type ItemId, parseDecimalId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../database/schema.ts';
import { findFile, findFolder, findPath } from '../files/find.ts';
import type { Authority } from './authority.ts';
import type { Principal } from './principal.ts';

/** The file or folder that an address of the API names; folder 0 is the root folder. */
interface Resource {
  kind: ItemKind;
  id: number;
}

const PATH = /(?:^|\/)(files|folders)\/([0-9]+)\/?$/;

/**
 * Reads `https://api.box.com/2.0/files/123`, or its end. Whose host it is does not matter: clients have Box's built in,
 * and an id that is not here is refused later.
 */
export function parseResource(text: string): Resource | undefined {
  const path = URL.canParse(text) ? new URL(text).pathname : text;
  const [, collection, digits = ''] = PATH.exec(path) ?? [];
  const id = digits === '0' ? 0 : parseDecimalId(digits);
  if (collection === undefined || id === undefined) return undefined;
  return { kind: collection === 'files' ? 'file' : 'folder', id };
}

/** The file or folder of this user's that an address of the API names, in use; undefined where there is none. */
export async function getResource(
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

/**
 * Whether a token reaches this file or folder: it is what the token is bound to, or lies below it, also in the trash.
 * A token that is bound to nothing reaches everything; whose the item is, is for others to ask.
 */
export async function isWithinRestriction(
  db: Kysely<Tables>,
  { restrictedTo }: Pick<Authority, 'restrictedTo'>,
  item: ItemId,
): Promise<boolean> {
  if (restrictedTo === undefined) return true;
  const path = await findPath(db, item);
  return path.some(({ id }) => id === restrictedTo);
}
