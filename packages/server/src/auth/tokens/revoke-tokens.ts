import type { UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { inBatches } from '../../util/batches.ts';

// All functions return the hashes of the revoked access tokens, which callers delete from the token cache.

/** Revokes all tokens of a grant: access tokens, including downscoped ones, and refresh tokens. */
export function revokeGrant(db: Kysely<Tables>, grantId: string): Promise<string[]> {
  return deleteTokens(db, { grant_id: grantId });
}

/** Revokes all tokens and authorization codes of a user. */
export async function revokeUserTokens(db: Kysely<Tables>, userId: UserId): Promise<string[]> {
  await db.deleteFrom('authorization_codes').where('user_id', '=', userId).execute();
  return deleteTokens(db, { user_id: userId });
}

/** Revokes all tokens and authorization codes of an app, for all users. */
export async function revokeAppTokens(db: Kysely<Tables>, clientId: string): Promise<string[]> {
  await db.deleteFrom('authorization_codes').where('client_id', '=', clientId).execute();
  return deleteTokens(db, { client_id: clientId });
}

/**
 * Revokes an access token. A token from a login or an app's own request is revoked with its whole grant. A token from
 * an exchange is revoked only with the tokens derived from it, because its holder must not be able to revoke more.
 */
export function revokeAccessToken(
  db: Kysely<Tables>,
  token: { tokenSha256: string; grantId: string; isExchanged: boolean },
): Promise<string[]> {
  return token.isExchanged ? revokeExchanged(db, token.tokenSha256) : revokeGrant(db, token.grantId);
}

async function revokeExchanged(db: Kysely<Tables>, tokenSha256: string): Promise<string[]> {
  const revoked: string[] = [];
  await db.transaction().execute(async (tx) => {
    // An exchange locks its subject token's row. Once that row is deleted, all tokens derived from it are visible.
    let level = await deleteReturning(tx, 'token_sha256', [tokenSha256]);
    while (level.length > 0) {
      revoked.push(...level);
      level = await deleteReturning(tx, 'parent_sha256', level);
    }
  });
  return revoked;
}

async function deleteReturning(
  db: Kysely<Tables>,
  column: 'token_sha256' | 'parent_sha256',
  values: readonly string[],
): Promise<string[]> {
  const deleted = await inBatches(values, (batch) =>
    db.deleteFrom('access_tokens').where(column, 'in', batch).returning('token_sha256').execute(),
  );
  return deleted.map((row) => row.token_sha256);
}

type TokenOwner = { grant_id: string } | { user_id: UserId } | { client_id: string };

async function deleteTokens(db: Kysely<Tables>, owner: TokenOwner): Promise<string[]> {
  const deleted: string[] = [];
  // A statement that waits for a lock does not see rows that the other transaction adds meanwhile; the next one does.
  for (let count = 1; count > 0; ) {
    const refresh = await db
      .deleteFrom('refresh_tokens')
      .where((row) => row.and(owner))
      .executeTakeFirst();
    const tokens = await db
      .deleteFrom('access_tokens')
      .where((row) => row.and(owner))
      .returning('token_sha256')
      .execute();
    deleted.push(...tokens.map((token) => token.token_sha256));
    count = Number(refresh.numDeletedRows) + tokens.length;
  }
  return deleted;
}
