import { createClient } from '@partway/client/node/index';
import type { AccessToken } from '@partway/protocol/schemas/oauth';
import { COMMAND_LINE_ID } from '@partway/server/auth/apps/public-client';
import { EXIT, Failure } from '../exit-codes.ts';
import { type BrowserCredentials, getProfile, type Profile } from './profile.ts';
import { readProfiles, updateProfiles } from './profiles-file.ts';

/** A token that expires sooner is renewed now, so that it does not expire on its way. */
const MARGIN_MILLIS = 30_000;

/**
 * Returns a valid access token of a profile with a browser login, other than `refused`. If necessary, renews it and saves
 * the new tokens. A refresh token works once, and using it twice ends the login. So one process at a time renews, and the
 * others read what it has saved.
 */
export async function getBrowserToken(name: string, refused?: string): Promise<string> {
  const saved = getCredentials(getProfile(await readProfiles(), name));
  if (isValid(saved, refused)) return saved.accessToken;
  return updateProfiles(async (all, write) => {
    const profile = getProfile(all, name);
    const current = getCredentials(profile);
    if (isValid(current, refused)) return current.accessToken;
    const credentials = await renew(profile.server, current);
    await write({ ...all, profiles: { ...all.profiles, [name]: { ...profile, credentials } } });
    return credentials.accessToken;
  });
}

/** The credentials in a response of the token endpoint. */
export function toCredentials({ access_token, refresh_token, expires_in }: AccessToken): BrowserCredentials {
  if (refresh_token === undefined) {
    throw new Failure(EXIT.unreachable, 'The server returned no refresh token. Check its address.');
  }
  return {
    kind: 'browser',
    accessToken: access_token,
    refreshToken: refresh_token,
    expiresAt: Date.now() + expires_in * 1000,
  };
}

/** Ends a login: revokes its tokens on the server. */
export async function endBrowserLogin(server: string, { refreshToken }: BrowserCredentials): Promise<void> {
  const client = createClient({ server, token: '', store: false });
  try {
    await client.authorization.revokeAccessToken({ token: refreshToken, client_id: COMMAND_LINE_ID });
  } finally {
    client.close();
  }
}

function isValid({ accessToken, expiresAt }: BrowserCredentials, refused: string | undefined): boolean {
  return accessToken !== refused && expiresAt > Date.now() + MARGIN_MILLIS;
}

function getCredentials({ credentials }: Profile): BrowserCredentials {
  if (credentials.kind === 'browser') return credentials;
  throw new Error('The profile was replaced while the command was running. Run it again.');
}

async function renew(server: string, { refreshToken }: BrowserCredentials): Promise<BrowserCredentials> {
  const client = createClient({ server, token: '', store: false });
  try {
    return toCredentials(
      await client.authorization.refreshAccessToken({ refresh_token: refreshToken, client_id: COMMAND_LINE_ID }),
    );
  } finally {
    client.close();
  }
}
