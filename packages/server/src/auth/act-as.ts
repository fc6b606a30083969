import { Refusal } from '@partway/protocol/errors';
import { parseDecimalId, type UserId } from '@partway/protocol/ids';
import type { Authority } from './authority.ts';
import type { Access } from './context.ts';
import { findUser, principalOf } from './users/store.ts';

/**
 * The same authority over another user's files, for an app that may (the As-User header). Refuses `insufficient_scope`
 * for any other token, and `forbidden` for a user who is not there or inactive.
 */
export async function actAs({ db }: Access, authority: Authority, userId: string): Promise<Authority> {
  if (!authority.mayActAs) {
    throw new Refusal('insufficient_scope', 'This token may not act as another user: its app has no as-user right.');
  }
  const id = parseDecimalId(userId.trim());
  const user = id === undefined ? undefined : await findUser(db, id as UserId);
  if (user === undefined) throw new Refusal('forbidden', 'The user of the As-User header is not there.');
  if (user.status === 'inactive') throw new Refusal('forbidden', 'The user of the As-User header is inactive.');
  return { ...authority, principal: principalOf(user), mayActAs: false };
}
