import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { Limits } from '../limits.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { InFlightBlobs } from '../storage/in-flight.ts';
import type { Clock } from '../time/clock.ts';
import type { Turns } from '../util/turns.ts';

/** What the verbs of this room work with. */
export interface FileContext {
  db: Kysely<Tables>;
  blobs: BlobStore;
  inFlight: InFlightBlobs;
  clock: Clock;
  /** The largest file there may be, in bytes. */
  maxFileSize: number;
  /** How many bytes a user may keep who has no quota of their own; undefined for no limit. */
  userQuota?: number | undefined;
  limits: Limits;
  /** The batches of long operations, one after the other. */
  turns: Turns;
}
