import { Refusal } from '@partway/protocol/errors';
import { type ItemId, parseDecimalId, type UserId } from '@partway/protocol/ids';
import type { Access } from './context.ts';
import type { Principal } from './principal.ts';
import { type Ability, abilitiesOf, type Scope } from './scopes.ts';
import { findUser, principalOf } from './users/store.ts';

/** What an access token stands for: whose it is, and how far it goes. */
export interface Authority {
  principal: Principal;
  /** The app it was given to; undefined where none asked for it. */
  clientId: string | undefined;
  /** Undefined for a token that may do whatever its user may. */
  scopes: readonly Scope[] | undefined;
  /** The file or folder beyond which it does not reach. */
  boundTo: ItemId | undefined;
  /** Whether it may act as another user. */
  mayActAs: boolean;
}

export function mayDo(authority: Authority, ability: Ability): boolean {
  return abilitiesOf(authority.scopes).has(ability);
}

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
