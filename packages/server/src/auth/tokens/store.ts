import type { ItemId, Millis, UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { AccessTokenRow, RefreshTokenRow, Tables } from '../../database/schema.ts';
import type { Authority } from '../authority.ts';
import { type Scope, scopesFromRow, scopesToRow } from '../scopes.ts';
import { hashSecret } from '../secrets.ts';
import { toPrincipal } from '../users/store.ts';

// The SQL for access and refresh tokens.

export interface StoredToken {
  authority: Authority;
  grantId: string;
  /** Whether it was derived from another token by an exchange. */
  isExchanged: boolean;
  expiresAt: Millis;
}

interface NewToken {
  grantId: string;
  userId: UserId;
  clientId: string | undefined;
  scopes: readonly Scope[] | undefined;
  restrictedTo: ItemId | undefined;
  expiresAt: Millis;
  /** SHA-256 of the token from which an exchange derived it. */
  parentSha256?: string | undefined;
}

export async function insertToken(db: Kysely<Tables>, secret: string, token: NewToken): Promise<AccessTokenRow> {
  const row: AccessTokenRow = {
    ...hashAndId(secret),
    grant_id: token.grantId,
    user_id: token.userId,
    client_id: token.clientId ?? null,
    scopes: scopesToRow(token.scopes),
    restricted_to: token.restrictedTo ?? null,
    expires_at: token.expiresAt,
    parent_sha256: token.parentSha256 ?? null,
  };
  await db.insertInto('access_tokens').values(row).execute();
  return row;
}

/** Finds an access token, which can have expired. */
export async function findToken(db: Kysely<Tables>, tokenSha256: string): Promise<StoredToken | undefined> {
  const row = await db
    .selectFrom('access_tokens as token')
    .innerJoin('users', 'users.id', 'token.user_id')
    .leftJoin('apps', 'apps.client_id', 'token.client_id')
    .select(['users.id', 'users.login', 'users.name', 'users.root_id', 'users.status', 'users.role'])
    .select(['token.grant_id', 'token.client_id', 'token.scopes', 'token.restricted_to', 'token.expires_at'])
    .select('token.parent_sha256')
    .select(['apps.as_user', 'apps.service_user_id'])
    .where('token.token_sha256', '=', tokenSha256)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const isUnrestricted = row.scopes === null && row.restricted_to === null;
  return {
    grantId: row.grant_id,
    isExchanged: row.parent_sha256 !== null,
    expiresAt: row.expires_at,
    authority: {
      principal: toPrincipal(row),
      clientId: row.client_id ?? undefined,
      scopes: scopesFromRow(row.scopes),
      restrictedTo: row.restricted_to ?? undefined,
      // Only an app's own token: the login of a user at the app must not become access to other users.
      canImpersonate: row.as_user === 1 && row.service_user_id === row.id && isUnrestricted,
    },
  };
}

export async function insertRefreshToken(
  db: Kysely<Tables>,
  secret: string,
  token: Omit<RefreshTokenRow, 'token_sha256' | 'id' | 'used_at'>,
): Promise<void> {
  await db
    .insertInto('refresh_tokens')
    .values({ ...hashAndId(secret), ...token, used_at: null })
    .execute();
}

export function findRefreshToken(db: Kysely<Tables>, tokenSha256: string): Promise<RefreshTokenRow | undefined> {
  return db.selectFrom('refresh_tokens').selectAll().where('token_sha256', '=', tokenSha256).executeTakeFirst();
}

/** Marks a token as used. Returns true only for the first of several uses, even if they are concurrent. */
export async function useRefreshToken(db: Kysely<Tables>, tokenSha256: string, now: Millis): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('refresh_tokens')
    .set({ used_at: now })
    .where('token_sha256', '=', tokenSha256)
    .where('used_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** The hash under which a token is stored, and the ID by which the operator refers to it. */
function hashAndId(secret: string): { token_sha256: string; id: string } {
  const sha256 = hashSecret(secret);
  return { token_sha256: sha256, id: sha256.slice(0, 16) };
}
