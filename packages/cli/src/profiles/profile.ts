import { EXIT, Failure } from '../exit-codes.ts';
import { escapeControl } from '../output/text.ts';

/** A server and how to get in. */
export interface Profile {
  /** Scheme, host and port, and a path where a proxy wants one: `https://files.example.com`, `https://api.box.com`. */
  server: string;
  credentials: Credentials;
}

export type Credentials =
  | { kind: 'token'; token: string }
  | {
      /** An app's id and secret, for which the server gives a token for an hour, as often as one is needed. */
      kind: 'app';
      clientId: string;
      clientSecret: string;
      /** Whom the app acts for. */
      subject: Subject;
    };

export interface Subject {
  type: 'user' | 'enterprise';
  id: string;
}

/** All profiles of this user, by name. */
export interface Profiles {
  /** The one that counts where none is named. */
  current?: string;
  profiles: Record<string, Profile>;
}

/** The profile of that name. */
export function getProfile({ profiles }: Profiles, name: string): Profile {
  if (Object.hasOwn(profiles, name)) return profiles[name] as Profile;
  const names = Object.keys(profiles).map(escapeControl);
  const known = names.length === 0 ? 'There is none yet' : `There are: ${names.join(', ')}`;
  throw new Failure(EXIT.usage, `There is no profile ${escapeControl(name)}. ${known}. partway login makes one.`);
}
