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
