import { type CallRetry, createClient, type NodeClient } from '@partway/client/node/index';
import type { Throttle } from '@partway/client/node/throttle';
import { getAccessToken } from './access-token.ts';
import type { Profile } from './profile.ts';

/** How long commands retry while the server is down (docs/use/command-line.md). */
export const RETRY_MILLIS = 5 * 60_000;

interface ConnectOptions {
  onRetry?: ((retry: CallRetry) => void) | undefined;
  /** Limits the bytes per second. */
  throttle?: Throttle | undefined;
}

/** Creates a client that closes itself when it is disposed. An app's token is requested when needed, and when it expires. */
export function connect(
  { server, credentials }: Profile,
  { onRetry, throttle }: ConnectOptions = {},
): NodeClient & Disposable {
  const token = credentials.kind === 'token' ? credentials.token : () => getAccessToken({ server, credentials });
  const client = createClient({ server, token, patience: RETRY_MILLIS, onRetry, throttle });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}
