import type { Kysely } from 'kysely';
import type { Millis, SessionId } from '../api/ids.ts';
import type { Clock } from '../clock.ts';
import type { ContentStore } from '../content/content.ts';
import type { InHand } from '../content/in-hand.ts';
import type { Limits } from '../limits.ts';
import type { Tables } from '../sql/tables.ts';
import type { Claims } from './claims.ts';
import type { Follower } from './follower.ts';
import type { KeyedQueue } from './keyed-queue.ts';
import type { Ledger } from './ledger.ts';

/** What the verbs of this room work with. */
export interface Uploads {
  db: Kysely<Tables>;
  content: ContentStore;
  inHand: InHand;
  ledger: Ledger;
  follower: Follower;
  claims: Claims;
  /** Commits of one session, one after the other. */
  commits: KeyedQueue<SessionId>;
  limits: UploadLimits;
  clock: Clock;
}

export interface UploadLimits extends Limits {
  /** A power of two, or undefined to let the file's size decide. */
  partSize: number | undefined;
  minFileSize: number;
  maxFileSize: number;
  sessionLifetime: Millis;
  /** How many bytes a user may keep who has no quota of their own; undefined for no limit. */
  userQuota?: number | undefined;
}
