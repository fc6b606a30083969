import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { Limits } from '../limits.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { InFlightBlobs } from '../storage/in-flight.ts';
import type { Clock } from '../time/clock.ts';
import type { SerialQueue } from '../util/keyed-queue.ts';
import type { TrashRetention } from './retention/trash-retention.ts';

/** Dependencies shared by the operations on files and folders. */
export interface FileContext {
  db: Kysely<Tables>;
  blobs: BlobStore;
  inFlight: InFlightBlobs;
  clock: Clock;
  /** In bytes. */
  maxFileSize: number;
  /** Default quota, in bytes, for users without their own; undefined for no limit. */
  userQuota?: number | undefined;
  limits: Limits;
  trashRetention: TrashRetention;
  /**
   * Runs the batches of all long operations one at a time. Other requests therefore wait for one batch at most, no matter
   * how many trees are being copied and deleted.
   */
  treeBatches: SerialQueue;
}

/** What deleting a tree in batches uses. */
export type TreeDeletionContext = Pick<FileContext, 'db' | 'blobs' | 'clock' | 'treeBatches'>;
