import { createClient } from '@partway/client/node/index';
import { getBrowserToken } from './browser-token.ts';
import type { ChosenServer } from './choose-server.ts';

/** Returns a valid access token, other than `refused`: the saved one, a renewed one, or a new one for an app's secret. */
export async function getAccessToken(
  { server, credentials, profile }: Omit<ChosenServer, 'from'>,
  refused?: string,
): Promise<string> {
  if (credentials.kind === 'token') return credentials.token;
  if (credentials.kind === 'browser') {
    return profile === undefined ? credentials.accessToken : getBrowserToken(profile, refused);
  }
  const client = createClient({ server, token: '', store: false });
  try {
    const { access_token: token } = await client.authorization.requestAccessToken({
      grant_type: 'client_credentials',
      client_id: credentials.clientId,
      client_secret: credentials.clientSecret,
      box_subject_type: credentials.subject.type,
      box_subject_id: credentials.subject.id,
    });
    return token;
  } finally {
    client.close();
  }
}
