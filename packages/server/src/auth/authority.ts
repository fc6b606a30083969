import type { ItemId } from '@partway/protocol/ids';
import type { Principal } from './principal.ts';
import { type Permission, permissionsFor, type Scope } from './scopes.ts';

/** What an access token authorizes: its user and its restrictions. */
export interface Authority {
  principal: Principal;
  /** The app that the token was issued to; undefined for a token without an app. */
  clientId: string | undefined;
  /** Undefined for a token with all permissions of its user. */
  scopes: readonly Scope[] | undefined;
  /** The only file or folder, including everything below it, that the token is valid for; undefined for all. */
  restrictedTo: ItemId | undefined;
  /** Whether it can act as another user. */
  canImpersonate: boolean;
}

export function hasPermission(authority: Authority, permission: Permission): boolean {
  // A token without scopes has all permissions of its user.
  return authority.scopes === undefined || permissionsFor(authority.scopes).has(permission);
}
