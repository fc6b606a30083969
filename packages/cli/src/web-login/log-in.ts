import { createHash, randomBytes } from 'node:crypto';
import { ApiError, createClient, type NodeClient } from '@partway/client/node/index';
import { COMMAND_LINE_ID } from '@partway/server/auth/apps/public-client';
import { EXIT, Failure } from '../exit-codes.ts';
import { toCredentials } from '../profiles/browser-token.ts';
import type { BrowserCredentials } from '../profiles/profile.ts';
import { listenForCallback } from './callback-server.ts';
import { openBrowser } from './open-browser.ts';

const TIMEOUT_MILLIS = 5 * 60_000;

/**
 * Logs a user in with a browser: the authorization code flow with PKCE (RFC 7636), whose redirect comes back to a port of
 * this machine (RFC 8252). Prints the address to open, because there may be no browser that can be opened from here.
 * @throws Failure if the user denies access or does not finish in time.
 */
export async function logInWithBrowser(server: string, { timeout = TIMEOUT_MILLIS } = {}): Promise<BrowserCredentials> {
  if (isBox(server)) {
    throw new Failure(
      EXIT.usage,
      'Box does not know this command as an app. Log in with a token or as an app of your own.',
    );
  }
  const client = createClient({ server, token: '', store: false });
  const state = randomBytes(32).toString('base64url');
  await using callback = await listenForCallback(state);
  try {
    await checkServer(client);
    const verifier = randomBytes(32).toString('base64url');
    askToOpen(createUrl(client, { redirectUri: callback.url, state, verifier }));
    const code = await callback.waitForCode(timeout);
    return toCredentials(
      await client.authorization.requestAccessToken({
        grant_type: 'authorization_code',
        client_id: COMMAND_LINE_ID,
        code,
        redirect_uri: callback.url,
        code_verifier: verifier,
      }),
    );
  } finally {
    client.close();
  }
}

/** There is no such call, or the server does not know the app of this command. */
const MEANS_UNSUPPORTED = new Set([400, 401, 404, 405]);

/**
 * Fails before the user opens a page if the server cannot be reached or does not know this command. Revoking a token that
 * does not exist has no effect (RFC 7009).
 */
async function checkServer({ addresses, authorization }: NodeClient): Promise<void> {
  try {
    await authorization.revokeAccessToken({ token: 'none', client_id: COMMAND_LINE_ID });
  } catch (error) {
    if (!(error instanceof ApiError) || !MEANS_UNSUPPORTED.has(error.status)) throw error;
    const advice = 'Check the address, update the server, or log in with a token.';
    throw new Failure(EXIT.unreachable, `${addresses.api} does not support logins in a browser. ${advice}`);
  }
}

export function isBox(server: string): boolean {
  return new URL(server).hostname.endsWith('.box.com');
}

function createUrl(
  { authorization }: NodeClient,
  { redirectUri, state, verifier }: { redirectUri: string; state: string; verifier: string },
): string {
  return authorization.authorizeUrl({
    client_id: COMMAND_LINE_ID,
    redirect_uri: redirectUri,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
}

function askToOpen(url: string): void {
  const opened = openBrowser(url) ? 'If no page opens in your browser, open' : 'Open';
  console.error(`${opened} this address in a browser on this machine:\n\n  ${url}\n\nWaiting for the login…`);
}
