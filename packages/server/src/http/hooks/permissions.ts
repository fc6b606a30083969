import type { ItemId } from '@partway/protocol/ids';
import type { FastifyRequest } from 'fastify';
import { mayDo } from '../../auth/authority.ts';
import type { Ability } from '../../auth/scopes.ts';
import { statusAllows } from '../../auth/users/store.ts';
import { authorityOf } from './authenticate.ts';

/** Whether the caller has an ability: the token is good for it, and the user's status allows it. */
type May = (ability: Ability) => boolean;

/** What an object's form depends on beside its rows. */
export interface View {
  /** What the caller may do, by their token and their status. */
  may: May;
  /** The API's address as the client used it. */
  apiBase: string;
  /** The file or folder beyond which the caller's token does not reach. */
  boundTo: ItemId | undefined;
}

/** How the caller of a `bearer` route sees objects. */
export function viewOf(request: FastifyRequest): View {
  return { may: mayOf(request), apiBase: request.apiBase, boundTo: authorityOf(request).boundTo };
}

/** What the caller of a `bearer` route may do; how far the token reaches is not asked. */
function mayOf(request: FastifyRequest): May {
  const authority = authorityOf(request);
  return (ability) => mayDo(authority, ability) && statusAllows(authority.principal.status, ability);
}
