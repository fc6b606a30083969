import { type ClientSecret, findClient } from '../apps/find-client.ts';
import type { Access } from '../context.ts';
import { scopesOfRow } from '../scopes.ts';
import { hashSecret } from '../secrets.ts';
import { endGrant } from '../tokens/end.ts';
import { type GrantedToken, issueTokenPair } from '../tokens/issue.ts';
import { findRefreshToken, useRefreshToken } from '../tokens/store.ts';
import { GrantError } from './errors.ts';

/**
 * The next pair of tokens for a refresh token (wire: "Tokens", `refresh_token`). It works once: brought again, it ends
 * all tokens that came of the same login, for one of the two who had it must have stolen it (RFC 9700, section 4.14).
 */
export async function grantForRefresh(
  access: Access,
  client: ClientSecret,
  refreshToken: string,
): Promise<GrantedToken> {
  const app = await findClient(access, client);
  const tokenSha256 = hashSecret(refreshToken);
  const now = access.clock.now();
  const row = await findRefreshToken(access.db, tokenSha256);
  if (row === undefined || row.client_id !== app.client_id) throw invalidToken();
  // Ends nothing: the clock may be wrong.
  if (row.expires_at <= access.clock.expiryTime()) throw invalidToken();
  const granted = await access.db.transaction().execute(async (tx) => {
    if (!(await useRefreshToken(tx, tokenSha256, now))) return undefined;
    const grantee = { userId: row.user_id, clientId: row.client_id, scopes: scopesOfRow(row.scopes) };
    return issueTokenPair(tx, grantee, { now: access.clock.lifetimesFrom(), grantId: row.grant_id });
  });
  if (granted !== undefined) return granted;
  access.cache.deleteAll(await endGrant(access.db, row.grant_id));
  throw invalidToken();
}

function invalidToken(): GrantError {
  return new GrantError('invalid_grant', 'Refresh token has expired');
}
