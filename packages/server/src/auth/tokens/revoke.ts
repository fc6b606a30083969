import { type ClientSecret, getClient } from '../apps/get-client.ts';
import type { AuthContext } from '../context.ts';
import { hashSecret } from '../secrets.ts';
import { revokeAccessToken, revokeGrant } from './revoke-tokens.ts';
import { findRefreshToken, findToken } from './store.ts';

/**
 * Ends a token of the app's, access or refresh, with all that came of the same login or call (wire: "Tokens"; RFC 7009).
 * One that was made by an exchange ends alone, with what was made from it. One that is unknown, or another app's, is
 * nobody's business. Refuses `invalid_client`.
 */
export async function revokeToken(context: AuthContext, client: ClientSecret, token: string): Promise<void> {
  const app = await getClient(context, client);
  const tokenSha256 = hashSecret(token);
  const stored = await findToken(context.db, tokenSha256);
  if (stored !== undefined) {
    if (stored.authority.clientId !== app.client_id) return;
    return context.tokens.deleteAll(await revokeAccessToken(context.db, { ...stored, tokenSha256 }));
  }
  const refresh = await findRefreshToken(context.db, tokenSha256);
  if (refresh?.client_id === app.client_id) context.tokens.deleteAll(await revokeGrant(context.db, refresh.grant_id));
}
