import { createClient, type NodeClient } from '../../client/node/index.ts';
import { accessToken } from './access-token.ts';
import type { Profile } from './profile.ts';

/** A client of a server, which closes itself. An app's token is asked for when it is needed, and again when it has ended. */
export function connect({ server, credentials }: Profile): NodeClient & Disposable {
  const token = credentials.kind === 'token' ? credentials.token : () => accessToken({ server, credentials });
  const client = createClient({ server, token });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}
