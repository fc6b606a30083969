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
import type { PartReceiver } from './part-receiver.ts';
import type { PartRegistry } from './registry/part-registry.ts';

/** Dependencies shared by the upload operations. */
export interface UploadContext {
  db: Kysely<Tables>;
  blobs: BlobStore;
  inFlight: InFlightBlobs;
  registry: PartRegistry;
  receiver: PartReceiver;
  hasher: Hasher;
  partLocks: PartLocks;
  /** Runs the commits of each session one at a time. */
  commits: KeyedQueue<SessionId>;
  limits: UploadLimits;
  clock: Clock;
}

export interface UploadLimits extends Limits {
  /** A power of two, in bytes. Undefined to choose it by file size. */
  partSize: number | undefined;
  minFileSize: number;
  maxFileSize: number;
  sessionLifetime: Millis;
  /** Default quota, in bytes, for users without their own; undefined for no limit. */
  userQuota?: number | undefined;
}
