import type { Kysely } from 'kysely';
import type { UserId } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';

/** Forgets all tokens of a grant: access tokens, also downscoped ones, and refresh tokens. Gives the hashes of the former. */
export function endGrant(db: Kysely<Tables>, grantId: string): Promise<string[]> {
  return endWhere(db, { grant_id: grantId });
}

/** Forgets all tokens of a user, and the codes that would bring some. Gives the hashes of the access tokens. */
export async function endTokensOf(db: Kysely<Tables>, userId: UserId): Promise<string[]> {
  await db.deleteFrom('authorization_codes').where('user_id', '=', userId).execute();
  return endWhere(db, { user_id: userId });
}

/** Forgets one access token. */
export async function endToken(db: Kysely<Tables>, tokenSha256: string): Promise<void> {
  await db.deleteFrom('access_tokens').where('token_sha256', '=', tokenSha256).execute();
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
