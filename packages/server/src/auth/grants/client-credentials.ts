import { type ClientSecret, getClient, getSubject } from '../apps/get-client.ts';
import type { AuthContext } from '../context.ts';
import { type GrantedToken, issueToken } from '../tokens/issue.ts';

/**
 * The `client_credentials` grant: a token for an app that authenticates with its secret. The token acts as the subject:
 * a user, or the enterprise, which stands for the app's service user. There is no refresh token. Throws
 * `invalid_client` and `invalid_grant`.
 */
export async function exchangeClientCredentials(
  context: AuthContext,
  client: ClientSecret,
  subject: { type: string; id: string },
): Promise<GrantedToken> {
  const app = await getClient(context, client);
  const user = await getSubject(context, app, subject);
  return issueToken(context.db, { userId: user.id, clientId: app.client_id }, { now: context.clock.lifetimesFrom() });
}
