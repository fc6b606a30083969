import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';

/** A server and its credentials. */
export interface Profile {
  /** Scheme, host and port, and a path if a proxy needs one: `https://files.example.com`, `https://api.box.com`. */
  server: string;
  credentials: Credentials;
}

export type Credentials =
  | { kind: 'token'; token: string }
  | BrowserCredentials
  | {
      /** The client ID and secret of an app, with which it can request tokens that are valid for an hour. */
      kind: 'app';
      clientId: string;
      clientSecret: string;
      /** Who the app acts as. */
      subject: Subject;
    };

/** The tokens of a login in a browser. The refresh token works once; the response contains the next one. */
export interface BrowserCredentials {
  kind: 'browser';
  accessToken: string;
  refreshToken: string;
  /** When the access token expires, by the clock of this machine. */
  expiresAt: number;
}

export interface Subject {
  type: 'user' | 'enterprise';
  id: string;
}

/** All profiles of this user, by name. */
export interface Profiles {
  /** The default profile. */
  current?: string;
  profiles: Record<string, Profile>;
}

/** Returns the profile with this name. @throws Failure if there is none. */
export function getProfile({ profiles }: Profiles, name: string): Profile {
  if (Object.hasOwn(profiles, name)) return profiles[name] as Profile;
  const names = Object.keys(profiles).map(escapeControl);
  const known = names.length === 0 ? 'There are no profiles yet' : `Existing profiles: ${names.join(', ')}`;
  throw new Failure(EXIT.usage, `There is no profile ${escapeControl(name)}. ${known}. Create one with partway login.`);
}
