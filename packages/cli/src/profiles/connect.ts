import { type CallRetry, createClient, type NodeClient } from '@partway/client/node/index';
import { getAccessToken } from './access-token.ts';
import type { Profile } from './profile.ts';

/** How long commands retry while the server is down (docs/use/command-line.md). */
export const RETRY_MILLIS = 5 * 60_000;

/** Creates a client that closes itself when it is disposed. An app's token is requested when needed, and when it expires. */
export function connect(
  { server, credentials }: Profile,
  onRetry?: (retry: CallRetry) => void,
): NodeClient & Disposable {
  const token = credentials.kind === 'token' ? credentials.token : () => getAccessToken({ server, credentials });
  const client = createClient({ server, token, patience: RETRY_MILLIS, onRetry });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}
