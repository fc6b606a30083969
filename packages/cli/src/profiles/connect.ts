import { type CallRetry, createClient, type NodeClient } from '@partway/client/node/index';
import type { Throttle } from '@partway/client/node/throttle';
import { getAccessToken } from './access-token.ts';
import type { ChosenServer } from './choose-server.ts';

/** How long commands retry while the server is down (docs/use/command-line.md). */
export const RETRY_MILLIS = 5 * 60_000;

interface ConnectOptions {
  onRetry?: ((retry: CallRetry) => void) | undefined;
  /** Limits the bytes per second. */
  throttle?: Throttle | undefined;
}

/**
 * Creates a client that closes itself when it is disposed. The token of an app or of a browser login is requested when it is
 * needed, and when the server refuses the last one.
 */
export function connect(
  chosen: Omit<ChosenServer, 'from'>,
  { onRetry, throttle }: ConnectOptions = {},
): NodeClient & Disposable {
  const { server, credentials } = chosen;
  const token =
    credentials.kind === 'token' ? credentials.token : (refused?: string) => getAccessToken(chosen, refused);
  const client = createClient({ server, token, patience: RETRY_MILLIS, onRetry, throttle });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}
