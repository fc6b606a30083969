import { requestToken } from '../support/accounts.ts';
import type { TestServer } from '../support/server.ts';

/** Exchanges a token, by default the developer's, for one with these scopes and for this file or folder. */
export async function createDownscopedToken(
  server: Pick<TestServer, 'url' | 'token'>,
  { scope, resource, token = server.token }: { scope: string; resource?: string; token?: string },
): Promise<string> {
  const answer = await requestToken(server, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    scope,
    ...(resource !== undefined && { resource: `https://api.box.com/2.0/${resource}` }),
  });
  const body = (await answer.json()) as { access_token: string };
  if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${JSON.stringify(body)}`);
  return body.access_token;
}
