import { type CallRetry, createClient, type NodeClient } from '@partway/client/node/index';
import { accessToken } from './access-token.ts';
import type { Profile } from './profile.ts';

/** How long commands wait for a server that has gone away, in milliseconds (docs/use/command-line.md). */
export const PATIENCE = 5 * 60_000;

/** A client of a server, which closes itself. An app's token is asked for when it is needed, and again when it has ended. */
export function connect(
  { server, credentials }: Profile,
  onRetry?: (retry: CallRetry) => void,
): NodeClient & Disposable {
  const token = credentials.kind === 'token' ? credentials.token : () => accessToken({ server, credentials });
  const client = createClient({ server, token, patience: PATIENCE, onRetry });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}
