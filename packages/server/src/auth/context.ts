import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { Clock } from '../time/clock.ts';
import type { Authority } from './authority.ts';
import type { LoginAttempts } from './login/attempts.ts';
import type { TokenCache } from './token-cache.ts';

/** What the verbs of this room work with. */
export interface AuthContext {
  db: Kysely<Tables>;
  developer: Developer;
  tokens: TokenCache;
  loginAttempts: LoginAttempts;
  clock: Clock;
}

/** The one user who is there from the first start, and the hash of the token that is theirs. */
export interface Developer {
  authority: Authority;
  tokenSha256: string;
}

/** The enterprise every user and app of a server belongs to: there is one, and this is its id. */
export const ENTERPRISE_ID = '1';

/** How long an access token lives, in seconds. */
export const TOKEN_SECONDS = 3600;

/** How long a refresh token waits to be used: 60 days, as Box's. */
export const REFRESH_MILLIS: Millis = 60 * 24 * 3_600_000;
