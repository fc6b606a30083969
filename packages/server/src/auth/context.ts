import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { Clock } from '../time/clock.ts';
import type { Authority } from './authority.ts';
import type { LoginAttempts } from './login/attempts.ts';
import type { TokenCache } from './token-cache.ts';

/** Dependencies shared by the operations on users, apps and tokens. */
export interface AuthContext {
  db: Kysely<Tables>;
  developer: Developer;
  tokens: TokenCache;
  loginAttempts: LoginAttempts;
  clock: Clock;
}

/** The user that the first start creates, and the hash of the developer token. */
export interface Developer {
  authority: Authority;
  tokenSha256: string;
}

/** The ID of the only enterprise, to which all users and apps of a server belong. */
export const ENTERPRISE_ID = '1';

/** Lifetime of an access token, in seconds. */
export const TOKEN_SECONDS = 3600;

/** Lifetime of a refresh token: 60 days, as in Box. */
export const REFRESH_MILLIS: Millis = 60 * 24 * 3_600_000;
