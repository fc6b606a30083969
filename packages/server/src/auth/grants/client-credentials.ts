import { type ClientSecret, findClient, findSubject } from '../apps/find-client.ts';
import type { Access } from '../context.ts';
import { type GrantedToken, issueToken } from '../tokens/issue.ts';

/**
 * The `client_credentials` grant: a token for an app that authenticates with its secret. It acts for the subject, which is
 * a user of the enterprise or the enterprise itself (its service account). There is no refresh token.
 */
export async function grantForCredentials(
  access: Access,
  client: ClientSecret,
  subject: { type: string; id: string },
): Promise<GrantedToken> {
  const app = await findClient(access, client);
  const user = await findSubject(access, app, subject);
  return issueToken(access.db, { userId: user.id, clientId: app.client_id }, { now: access.clock.lifetimesFrom() });
}
