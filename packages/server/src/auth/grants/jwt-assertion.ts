import { type ClientSecret, findClient, findSubject } from '../apps/find-client.ts';
import type { Access } from '../context.ts';
import type { GrantedToken } from '../tokens/granted-token.ts';
import { issueToken } from '../tokens/issue.ts';
import { GrantError } from './errors.ts';
import { insertUsedAssertion } from './store.ts';
import { verifyAssertion } from './verify-assertion.ts';

/**
 * A token for an app that signs with a registered key and knows its secret (wire: "Tokens", JWT bearer; RFC 7523).
 * @param audiences Besides Box's: the addresses of our own token route.
 */
export async function grantForAssertion(
  access: Access,
  client: ClientSecret,
  { assertion, audiences }: { assertion: string; audiences: readonly string[] },
): Promise<GrantedToken> {
  const app = await findClient(access, client);
  const claims = await verifyAssertion(access, app, assertion, audiences);
  const user = await findSubject(access, app, claims.subject);
  const { jti, refusedFrom } = claims;
  if (!(await insertUsedAssertion(access.db, { client_id: app.client_id, jti, expires_at: refusedFrom }))) {
    throw new GrantError('invalid_grant', "Please check the 'jti' claim. A unique 'jti' value is required.");
  }
  return issueToken(access.db, { userId: user.id, clientId: app.client_id }, { now: access.clock.lifetimesFrom() });
}
