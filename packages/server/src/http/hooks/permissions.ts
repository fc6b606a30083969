import type { ItemId } from '@partway/protocol/ids';
import type { FastifyRequest } from 'fastify';
import { hasPermission } from '../../auth/authority.ts';
import type { Permission } from '../../auth/scopes.ts';
import { statusAllows } from '../../auth/users/store.ts';
import type { FileContext } from '../../files/context.ts';
import type { TrashRetention } from '../../files/retention/trash-retention.ts';
import { getAuthority } from './authenticate.ts';

type PermissionCheck = (permission: Permission) => boolean;

/** The properties of a request on which the rendered form of an object depends. */
export interface View {
  /** Whether the caller's token and status include a permission. */
  can: PermissionCheck;
  /** The base URL of the API as the client used it. */
  apiBase: string;
  /** The file or folder that the caller's token is restricted to. */
  restrictedTo: ItemId | undefined;
  trashRetention: TrashRetention;
}

/** Gets the view of the caller of a `bearer` route. */
export function getView({ trashRetention }: Pick<FileContext, 'trashRetention'>, request: FastifyRequest): View {
  return {
    can: createPermissionCheck(request),
    apiBase: request.apiBase,
    restrictedTo: getAuthority(request).restrictedTo,
    trashRetention,
  };
}

/** Ignores the item that the token is restricted to. */
function createPermissionCheck(request: FastifyRequest): PermissionCheck {
  const authority = getAuthority(request);
  return (permission) => hasPermission(authority, permission) && statusAllows(authority.principal.status, permission);
}
