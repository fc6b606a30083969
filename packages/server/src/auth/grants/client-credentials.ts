import { type ClientSecret, getClient, getSubject } from '../apps/get-client.ts';
import type { AuthContext } from '../context.ts';
import { type GrantedToken, issueToken } from '../tokens/issue.ts';

/**
 * The `client_credentials` grant: a token for an app that authenticates with its secret. It acts for the subject, which is
 * a user of the enterprise or the enterprise itself (its service account). There is no refresh token.
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
