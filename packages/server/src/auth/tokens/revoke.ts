import { type ClientSecret, getClient } from '../apps/get-client.ts';
import type { AuthContext } from '../context.ts';
import { hashSecret } from '../secrets.ts';
import { revokeAccessToken, revokeGrant } from './revoke-tokens.ts';
import { findRefreshToken, findToken } from './store.ts';

/**
 * Revokes an access or refresh token of an app (RFC 7009) with its whole grant; for a token from an exchange, see
 * `revokeAccessToken`. Unknown tokens and tokens of other apps are ignored. Throws `invalid_client`.
 */
export async function revokeToken(context: AuthContext, client: ClientSecret, token: string): Promise<void> {
  const app = await getClient(context, client, { orPublic: true });
  const tokenSha256 = hashSecret(token);
  const stored = await findToken(context.db, tokenSha256);
  if (stored !== undefined) {
    if (stored.authority.clientId !== app.client_id) return;
    return context.tokens.deleteAll(await revokeAccessToken(context.db, { ...stored, tokenSha256 }));
  }
  const refresh = await findRefreshToken(context.db, tokenSha256);
  if (refresh?.client_id === app.client_id) context.tokens.deleteAll(await revokeGrant(context.db, refresh.grant_id));
}
