import { type ItemId, parseDecimalId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { ItemKind, ItemRow, Tables } from '../database/schema.ts';
import { findFile, findFolder, findPath } from '../files/find.ts';
import type { Authority } from './authority.ts';
import type { Principal } from './principal.ts';

/** A file or folder in a URL of the API. Folder 0 is the root folder. */
interface Resource {
  kind: ItemKind;
  id: number;
}

const PATH = /(?:^|\/)(files|folders)\/([0-9]+)\/?$/;

/**
 * Parses `https://api.box.com/2.0/files/123`, or only the end of it. Returns undefined for anything else. Any host is
 * accepted, because clients have Box's host built in.
 */
export function parseResource(text: string): Resource | undefined {
  const path = URL.canParse(text) ? new URL(text).pathname : text;
  const [, collection, digits = ''] = PATH.exec(path) ?? [];
  const id = digits === '0' ? 0 : parseDecimalId(digits);
  if (collection === undefined || id === undefined) return undefined;
  return { kind: collection === 'files' ? 'file' : 'folder', id };
}

/** Finds the user's file or folder for a URL. Returns undefined if it does not exist or is in the trash. */
export async function findResource(
  db: Kysely<Tables>,
  { userId, rootId }: Pick<Principal, 'userId' | 'rootId'>,
  url: string,
): Promise<ItemRow | undefined> {
  const resource = parseResource(url);
  if (resource === undefined) return undefined;
  const { kind, id } = resource;
  const item =
    kind === 'file'
      ? await findFile(db, userId, id as ItemId)
      : await findFolder(db, userId, id === 0 ? rootId : (id as ItemId));
  return item?.trashed_at === null ? item : undefined;
}

/**
 * Whether a token is valid for an item: it is not restricted, or the item is the one that it is restricted to or is
 * below it, even in the trash. Does not check who owns the item.
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
