import type { ItemId } from '@partway/protocol/ids';
import type { Principal } from './principal.ts';
import { type Permission, permissionsFor, type Scope } from './scopes.ts';

/** What an access token stands for: whose it is, and how far it goes. */
export interface Authority {
  principal: Principal;
  /** The app it was given to; undefined where none asked for it. */
  clientId: string | undefined;
  /** Undefined for a token that may do whatever its user may. */
  scopes: readonly Scope[] | undefined;
  /** The file or folder beyond which it does not reach. */
  restrictedTo: ItemId | undefined;
  /** Whether it may act as another user. */
  canImpersonate: boolean;
}

export function hasPermission(authority: Authority, ability: Permission): boolean {
  return permissionsFor(authority.scopes).has(ability);
}
