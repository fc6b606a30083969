import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { findResource } from '../resource.ts';
import { parseScopes, SCOPE_NAMES, type Scope } from '../scopes.ts';
import { newSecret } from '../secrets.ts';
import { getUserByLogin, toPrincipal } from '../users/store.ts';
import { newGrantId } from './issue.ts';
import { insertToken } from './store.ts';

interface TokenToCreate {
  login: string;
  expiresAt: Millis;
  /** Space-separated scopes; undefined for all permissions of the user. */
  scope: string | undefined;
  /** URL of the only file or folder that the token is valid for, such as `folders/123`. */
  resource: string | undefined;
}

/** Creates an access token without an app, for the command line. Throws a message for the operator. */
export async function createToken(
  db: Kysely<Tables>,
  { login, expiresAt, scope, resource }: TokenToCreate,
): Promise<{ id: string; token: string }> {
  const user = await getUserByLogin(db, login);
  if (user.status === 'inactive')
    throw new Error(`${login} is inactive. To activate, run: partway user status ${login} active`);
  const item = resource === undefined ? undefined : await findResource(db, toPrincipal(user), resource);
  if (resource !== undefined && item === undefined) {
    throw new Error(`${login} has no ${resource}. Specify an item such as folders/123, or folders/0 for all.`);
  }
  const token = newSecret();
  const { id } = await insertToken(db, token, {
    grantId: newGrantId(),
    userId: user.id,
    clientId: undefined,
    scopes: parseKnownScopes(scope),
    restrictedTo: item?.id,
    expiresAt,
  });
  return { id, token };
}

function parseKnownScopes(scope: string | undefined): Scope[] | undefined {
  if (scope === undefined) return undefined;
  const { known, unknown } = parseScopes(scope);
  if (unknown.length > 0 || known.length === 0) {
    throw new Error(`Unknown scopes: ${unknown.join(' ')}. Supported scopes: ${SCOPE_NAMES.join(' ')}`);
  }
  return known;
}
