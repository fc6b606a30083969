import { type ClientSecret, findClient } from '../apps/find-client.ts';
import type { Access } from '../context.ts';
import { hashSecret } from '../secrets.ts';
import { endAccessToken, endGrant } from './end.ts';
import { findRefreshToken, findToken } from './store.ts';

/**
 * Ends a token of the app's, access or refresh, with all that came of the same login or call (wire: "Tokens"; RFC 7009).
 * One that was made by an exchange ends alone, with what was made from it. One that is unknown, or another app's, is
 * nobody's business. Refuses `invalid_client`.
 */
export async function revokeToken(access: Access, client: ClientSecret, token: string): Promise<void> {
  const app = await findClient(access, client);
  const tokenSha256 = hashSecret(token);
  const stored = await findToken(access.db, tokenSha256);
  if (stored !== undefined) {
    if (stored.authority.clientId !== app.client_id) return;
    return access.cache.deleteAll(await endAccessToken(access.db, { ...stored, tokenSha256 }));
  }
  const refresh = await findRefreshToken(access.db, tokenSha256);
  if (refresh?.client_id === app.client_id) access.cache.deleteAll(await endGrant(access.db, refresh.grant_id));
}
