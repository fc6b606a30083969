import type { Config } from '@partway/server/config/config';
import { ownershipMarkerIn } from '@partway/server/data-folder/data-folder';
import { checkOwnership } from '@partway/server/data-folder/ownership';
import type { Tables } from '@partway/server/database/schema';
import { type OpenedStorage, openStorageBeside } from '@partway/server/start/open-storage';
import { GuardedClock } from '@partway/server/time/clock';
import { compareWithRows } from '@partway/server/time/database-clock';
import type { Kysely } from 'kysely';

export interface StorageUse {
  blobs: OpenedStorage['blobs'];
  /** Agrees with the times in the database, as the server's clock does. */
  clock: GuardedClock;
}

/**
 * Calls `work` with the blob store of the settings, whether or not a server has it open. Before that, checks that the blobs
 * belong to the database. @throws Error with what to do if they do not.
 */
export async function withStorage<T>(
  { database, dataFolder, storage }: Config,
  db: Kysely<Tables>,
  work: (use: StorageUse) => Promise<T>,
): Promise<T> {
  const { blobs, marker, close } = await openStorageBeside(storage, dataFolder);
  try {
    const ownFolder = database === undefined && marker === undefined;
    await checkOwnership({ db, marker: marker ?? ownershipMarkerIn(dataFolder), ownFolder });
    const clock = new GuardedClock();
    await compareWithRows(clock, db);
    return await work({ blobs, clock });
  } finally {
    close();
  }
}
