import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { getResource } from '../resource.ts';
import { parseScopes, SCOPE_NAMES, type Scope } from '../scopes.ts';
import { newSecret } from '../secrets.ts';
import { getUserByLogin, toPrincipal } from '../users/store.ts';
import { newGrantId } from './issue.ts';
import { insertToken } from './store.ts';

interface TokenToMake {
  login: string;
  expiresAt: Millis;
  /** Names of scopes; everything where it is left out. */
  scope: string | undefined;
  /** Address of the file or folder that it is bound to. */
  resource: string | undefined;
}

/** A token made by the operator's hand, for no app. Throws a sentence for the operator. */
export async function createToken(
  db: Kysely<Tables>,
  { login, expiresAt, scope, resource }: TokenToMake,
): Promise<{ id: string; token: string }> {
  const user = await getUserByLogin(db, login);
  if (user.status === 'inactive') throw new Error(`${login} is inactive: partway user status ${login} active.`);
  const item = resource === undefined ? undefined : await getResource(db, toPrincipal(user), resource);
  if (resource !== undefined && item === undefined) {
    throw new Error(`${login} has no ${resource}: give an address such as folders/123, or folders/0 for all.`);
  }
  const token = newSecret();
  const { id } = await insertToken(db, token, {
    grantId: newGrantId(),
    userId: user.id,
    clientId: undefined,
    scopes: scopesOf(scope),
    restrictedTo: item?.id,
    expiresAt,
  });
  return { id, token };
}

function scopesOf(scope: string | undefined): Scope[] | undefined {
  if (scope === undefined) return undefined;
  const { known, unknown } = parseScopes(scope);
  if (unknown.length > 0 || known.length === 0) {
    throw new Error(`These scopes are unknown: ${unknown.join(' ')}. There are: ${SCOPE_NAMES.join(' ')}`);
  }
  return known;
}
