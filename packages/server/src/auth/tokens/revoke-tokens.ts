import type { UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../../database/schema.ts';

/** Forgets all tokens of a grant: access tokens, also downscoped ones, and refresh tokens. Gives the hashes of the former. */
export function revokeGrant(db: Kysely<Tables>, grantId: string): Promise<string[]> {
  return endWhere(db, { grant_id: grantId });
}

/** Forgets all tokens of a user, and the codes that would bring some. Gives the hashes of the access tokens. */
export async function revokeUserTokens(db: Kysely<Tables>, userId: UserId): Promise<string[]> {
  await db.deleteFrom('authorization_codes').where('user_id', '=', userId).execute();
  return endWhere(db, { user_id: userId });
}

/**
 * Ends an access token as its revocation does. One that a login or a call brought ends its whole grant, whatever scopes it
 * has. One that was made by an exchange ends alone, with what was made from it in turn: whoever was given it must not
 * end more. Gives the hashes of the access tokens that ended.
 */
export function revokeAccessToken(
  db: Kysely<Tables>,
  token: { tokenSha256: string; grantId: string; isExchanged: boolean },
): Promise<string[]> {
  return token.isExchanged ? revokeExchanged(db, token.tokenSha256) : revokeGrant(db, token.grantId);
}

async function revokeExchanged(db: Kysely<Tables>, tokenSha256: string): Promise<string[]> {
  const ended: string[] = [];
  await db.transaction().execute(async (tx) => {
    // An exchange holds the row of its subject, so what it adds is there by the time that row is gone.
    let level = await deleteReturning(tx, 'token_sha256', [tokenSha256]);
    while (level.length > 0) {
      ended.push(...level);
      level = await deleteReturning(tx, 'parent_sha256', level);
    }
  });
  return ended;
}

async function deleteReturning(
  db: Kysely<Tables>,
  column: 'token_sha256' | 'parent_sha256',
  values: readonly string[],
): Promise<string[]> {
  const gone: string[] = [];
  for (let at = 0; at < values.length; at += 500) {
    const rows = await db
      .deleteFrom('access_tokens')
      .where(column, 'in', values.slice(at, at + 500))
      .returning('token_sha256')
      .execute();
    gone.push(...rows.map((row) => row.token_sha256));
  }
  return gone;
}

async function endWhere(db: Kysely<Tables>, which: { grant_id: string } | { user_id: UserId }): Promise<string[]> {
  const ended: string[] = [];
  // A statement does not see what another transaction adds while it waits for a row of it; the next one does.
  for (let found = 1; found > 0; ) {
    const refresh = await db
      .deleteFrom('refresh_tokens')
      .where((row) => row.and(which))
      .executeTakeFirst();
    const tokens = await db
      .deleteFrom('access_tokens')
      .where((row) => row.and(which))
      .returning('token_sha256')
      .execute();
    ended.push(...tokens.map((token) => token.token_sha256));
    found = Number(refresh.numDeletedRows) + tokens.length;
  }
  return ended;
}
