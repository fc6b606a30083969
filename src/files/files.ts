import type { Kysely } from 'kysely';
import type { Clock } from '../clock.ts';
import type { ContentStore } from '../content/content.ts';
import type { InHand } from '../content/in-hand.ts';
import type { Limits } from '../limits.ts';
import type { Tables } from '../sql/tables.ts';
import type { Turns } from './turns.ts';

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
