import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { Limits } from '../limits.ts';
import type { ContentStore } from '../storage/blob-store.ts';
import type { InHand } from '../storage/in-flight.ts';
import type { Clock } from '../time/clock.ts';
import type { Turns } from '../util/turns.ts';

/** What the verbs of this room work with. */
export interface Files {
  db: Kysely<Tables>;
  content: ContentStore;
  inHand: InHand;
  clock: Clock;
  /** The largest file there may be, in bytes. */
  maxFileSize: number;
  /** How many bytes a user may keep who has no quota of their own; undefined for no limit. */
  userQuota?: number | undefined;
  limits: Limits;
  /** The batches of long operations, one after the other. */
  turns: Turns;
}
