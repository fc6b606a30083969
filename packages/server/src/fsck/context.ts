import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Clock } from '../time/clock.ts';
import type { Found } from './findings.ts';

/** What a check works with: the two seams, so that it serves every store and every database. */
export interface FsckContext {
  db: Kysely<Tables>;
  blobs: BlobStore;
  clock: Clock;
  /** Bytes younger than this are passed over: somebody may be about to write their row. */
  grace: Millis;
  /** For how long bytes without a row are kept once the server has found them. */
  retention: Millis;
  /** Told of each thing that is wrong, as it is found; mends it where it wants to. The check goes on once it resolves. */
  found: (found: Found) => Promise<void>;
  /** Told of bytes that have been read. */
  read: (bytes: number) => void;
}
