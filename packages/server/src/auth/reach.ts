import type { ItemId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { findPath } from '../files/find.ts';
import type { Authority } from './authority.ts';

/**
 * Whether a token reaches this file or folder: it is what the token is bound to, or lies below it, also in the trash.
 * A token that is bound to nothing reaches everything; whose the item is, is for others to ask.
 */
export async function reaches(
  db: Kysely<Tables>,
  { boundTo }: Pick<Authority, 'boundTo'>,
  item: ItemId,
): Promise<boolean> {
  if (boundTo === undefined) return true;
  const path = await findPath(db, item);
  return path.some(({ id }) => id === boundTo);
}
