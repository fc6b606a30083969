import type { Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Clock } from '../time/clock.ts';
import type { Found } from './findings.ts';

/** Dependencies of a check. They are interfaces, so it works with every store and database. */
export interface FsckContext {
  db: Kysely<Tables>;
  blobs: BlobStore;
  clock: Clock;
  /** Blobs younger than this are skipped, because their row might be written soon. */
  grace: Millis;
  /** How long orphans are kept after the server has found them. */
  retention: Millis;
  /** Called for each problem. It can repair the problem. The check continues when the promise resolves. */
  found: (found: Found) => Promise<void>;
  /** Called with the number of bytes whenever some have been read. */
  read: (bytes: number) => void;
}
