import type { FastifyRequest } from 'fastify';
import { mayDo } from '../access/authority.ts';
import type { Ability } from '../access/scopes.ts';
import { statusAllows } from '../access/user-status.ts';
import { authorityOf } from './policy.ts';

/** Whether the caller has an ability: the token is good for it, and the user's status allows it. */
export type May = (ability: Ability) => boolean;

/** What the caller of a `bearer` route may do; how far the token reaches is not asked. */
export function mayOf(request: FastifyRequest): May {
  const authority = authorityOf(request);
  return (ability) => mayDo(authority, ability) && statusAllows(authority.principal.status, ability);
}
