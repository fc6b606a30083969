import type { ItemId, Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { revokeAccessToken, revokeGrant } from './revoke-tokens.ts';

/** A token as the operator sees it, without its secret. */
interface ListedToken {
  id: string;
  kind: 'access' | 'refresh';
  login: string;
  clientId: string | null;
  appName: string | null;
  scopes: string | null;
  restrictedTo: ItemId | null;
  expiresAt: Millis;
}

/** Lists all tokens that are valid at `now`, ordered by expiry time. */
export async function listTokens(db: Kysely<Tables>, now: Millis): Promise<ListedToken[]> {
  const access = await db
    .selectFrom('access_tokens as token')
    .innerJoin('users', 'users.id', 'token.user_id')
    .leftJoin('apps', 'apps.client_id', 'token.client_id')
    .select(['token.id', 'users.login', 'token.client_id as clientId', 'apps.name as appName'])
    .select(['token.scopes', 'token.restricted_to as restrictedTo', 'token.expires_at as expiresAt'])
    .where('token.expires_at', '>', now)
    .execute();
  const refresh = await db
    .selectFrom('refresh_tokens as token')
    .innerJoin('users', 'users.id', 'token.user_id')
    .innerJoin('apps', 'apps.client_id', 'token.client_id')
    .select(['token.id', 'users.login', 'token.client_id as clientId', 'apps.name as appName'])
    .select(['token.scopes', 'token.expires_at as expiresAt'])
    .where('token.expires_at', '>', now)
    .where('token.used_at', 'is', null)
    .execute();
  return [
    ...access.map((token) => ({ ...token, kind: 'access' as const })),
    ...refresh.map((token) => ({ ...token, kind: 'refresh' as const, restrictedTo: null })),
  ].sort((one, other) => one.expiresAt - other.expiresAt);
}

/**
 * Revokes a token by ID, with the tokens that `revokeAccessToken` or `revokeGrant` includes. Returns false if there is
 * none.
 */
export async function revokeTokenById(db: Kysely<Tables>, id: string): Promise<boolean> {
  const access = await db.selectFrom('access_tokens').selectAll().where('id', '=', id).executeTakeFirst();
  if (access !== undefined) {
    const { token_sha256: tokenSha256, grant_id: grantId, parent_sha256: parent } = access;
    await revokeAccessToken(db, { tokenSha256, grantId, isExchanged: parent !== null });
    return true;
  }
  const refresh = await db.selectFrom('refresh_tokens').select('grant_id').where('id', '=', id).executeTakeFirst();
  if (refresh === undefined) return false;
  await revokeGrant(db, refresh.grant_id);
  return true;
}
