import type { Millis, SessionId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { Limits } from '../limits.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { InFlightBlobs } from '../storage/in-flight.ts';
import type { Clock } from '../time/clock.ts';
import type { KeyedQueue } from '../util/keyed-queue.ts';
import type { Hasher } from './hashing/hasher.ts';
import type { PartLocks } from './part-locks.ts';
import type { PartRegistry } from './registry/part-registry.ts';

/** What the verbs of this room work with. */
export interface UploadContext {
  db: Kysely<Tables>;
  blobs: BlobStore;
  inFlight: InFlightBlobs;
  registry: PartRegistry;
  hasher: Hasher;
  partLocks: PartLocks;
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
