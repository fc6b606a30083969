import { type ClientSecret, getClient } from '../apps/get-client.ts';
import type { AuthContext } from '../context.ts';
import { scopesFromRow } from '../scopes.ts';
import { hashSecret } from '../secrets.ts';
import { type GrantedToken, issueTokenPair } from '../tokens/issue.ts';
import { revokeGrant } from '../tokens/revoke-tokens.ts';
import { findRefreshToken, useRefreshToken } from '../tokens/store.ts';
import { GrantError } from './errors.ts';

/**
 * The `refresh_token` grant: a new pair of tokens for a refresh token, which works once. If it is used again, all
 * tokens from the same login are revoked, because one of the two clients must have stolen it (RFC 9700, section 4.14).
 * Throws `invalid_client` and `invalid_grant`.
 */
export async function exchangeRefreshToken(
  context: AuthContext,
  client: ClientSecret,
  refreshToken: string,
): Promise<GrantedToken> {
  const app = await getClient(context, client, { orPublic: true });
  const tokenSha256 = hashSecret(refreshToken);
  const now = context.clock.now();
  const row = await findRefreshToken(context.db, tokenSha256);
  if (row === undefined || row.client_id !== app.client_id) throw invalidTokenError();
  // Nothing is revoked here: the clock could be wrong.
  if (row.expires_at <= context.clock.expiryTime()) throw invalidTokenError();
  const granted = await context.db.transaction().execute(async (tx) => {
    if (!(await useRefreshToken(tx, tokenSha256, now))) return undefined;
    const grantee = { userId: row.user_id, clientId: row.client_id, scopes: scopesFromRow(row.scopes) };
    return issueTokenPair(tx, grantee, { now: context.clock.lifetimesFrom(), grantId: row.grant_id });
  });
  if (granted !== undefined) return granted;
  context.tokens.deleteAll(await revokeGrant(context.db, row.grant_id));
  throw invalidTokenError();
}

function invalidTokenError(): GrantError {
  return new GrantError('invalid_grant', 'Refresh token has expired');
}
