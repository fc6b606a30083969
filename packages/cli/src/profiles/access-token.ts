import { createClient } from '@partway/client/node/index';
import type { ChosenServer } from './choose-server.ts';

/** Returns a valid access token: the saved one, or a new one for an app's secret. */
export async function getAccessToken({
  server,
  credentials,
}: Pick<ChosenServer, 'server' | 'credentials'>): Promise<string> {
  if (credentials.kind === 'token') return credentials.token;
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
