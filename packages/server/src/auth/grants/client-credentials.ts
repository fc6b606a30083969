import { type ClientSecret, findClient, findSubject } from '../apps/find-client.ts';
import type { Access } from '../context.ts';
import { type GrantedToken, issueToken } from '../tokens/issue.ts';

/** A token for an app that knows its secret (wire: "Tokens", `client_credentials`). */
export async function grantForCredentials(
  access: Access,
  client: ClientSecret,
  subject: { type: string; id: string },
): Promise<GrantedToken> {
  const app = await findClient(access, client);
  const user = await findSubject(access, app, subject);
  return issueToken(access.db, { userId: user.id, clientId: app.client_id }, { now: access.clock.lifetimesFrom() });
}
