import type { Kysely } from 'kysely';
import type { Millis } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';
import type { Principal } from './principal.ts';
import type { TokenCache } from './token-cache.ts';

/** What the verbs of this room work with. */
export interface Access {
  db: Kysely<Tables>;
  developer: Developer;
  cache: TokenCache;
  now: () => Millis;
}

/** The one user who is there from the first start, and the hash of the token that is theirs. */
export interface Developer {
  principal: Principal;
  tokenSha256: string;
}

/** The enterprise every user and app of a server belongs to: there is one, and this is its id. */
export const ENTERPRISE_ID = '1';

/** How long an access token lives, in seconds. */
export const TOKEN_SECONDS = 3600;
