import type { ItemId } from '@partway/protocol/ids';
import type { FastifyRequest } from 'fastify';
import { hasPermission } from '../../auth/authority.ts';
import type { Permission } from '../../auth/scopes.ts';
import { statusAllows } from '../../auth/users/store.ts';
import { getAuthority } from './authenticate.ts';

/** Whether the caller has an ability: the token is good for it, and the user's status allows it. */
type PermissionCheck = (ability: Permission) => boolean;

/** What an object's form depends on beside its rows. */
export interface View {
  /** What the caller may do, by their token and their status. */
  can: PermissionCheck;
  /** The API's address as the client used it. */
  apiBase: string;
  /** The file or folder beyond which the caller's token does not reach. */
  restrictedTo: ItemId | undefined;
}

/** How the caller of a `bearer` route sees objects. */
export function getView(request: FastifyRequest): View {
  return {
    can: createPermissionCheck(request),
    apiBase: request.apiBase,
    restrictedTo: getAuthority(request).restrictedTo,
  };
}

/** What the caller of a `bearer` route may do; how far the token reaches is not asked. */
function createPermissionCheck(request: FastifyRequest): PermissionCheck {
  const authority = getAuthority(request);
  return (ability) => hasPermission(authority, ability) && statusAllows(authority.principal.status, ability);
}
