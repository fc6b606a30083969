import { availableParallelism } from 'node:os';
import { Native, openNative } from '@partway/native/native';
import type { FastifyBaseLogger } from 'fastify';
import type { Kysely } from 'kysely';
import type { Config } from '../config/config.ts';
import { openDataFolder, syncNamesAbove } from '../data-folder/data-folder.ts';
import { claimOwnership } from '../data-folder/ownership.ts';
import { checkSharedSecrets } from '../data-folder/shared-secrets.ts';
import { openDatabase, openSeparateConnections } from '../database/open-database.ts';
import type { Tables } from '../database/schema.ts';
import { ByteBudget } from '../storage/byte-budget.ts';
import { DurableFiles } from '../storage/disk/durable-files.ts';
import type { GuardedClock } from '../time/clock.ts';
import { followDatabase } from '../time/database-clock.ts';
import { type OpenedStorage, openStorage } from './open-storage.ts';

/** What a server holds open, and the secrets that it has stored. */
export interface Resources {
  dataFolder: string;
  db: Kysely<Tables>;
  /** Database connections of their own, for background jobs and health checks, so that requests cannot delay them. */
  aside: Kysely<Tables>;
  store: OpenedStorage;
  /** The native module. Undefined if it is off, or cannot be used on this machine. */
  native: Native | undefined;
  developerToken: string;
  signingKey: Buffer;
}

/**
 * Opens the data folder, the database and the blob store, and checks that they belong together. `opened` closes them in
 * reverse order, even if a later step fails.
 */
export async function openResources(
  config: Config,
  { clock, log, opened }: { clock: GuardedClock; log: FastifyBaseLogger; opened: AsyncDisposableStack },
): Promise<Resources> {
  const { database: url, databasePool: connections } = config;
  const folder = openDataFolder(config.dataFolder, { hasDatabase: url === undefined });
  opened.defer(() => folder.close());

  const db = await openDatabase({
    url,
    file: folder.database,
    connections,
    onThreadExit: (error) => log.error({ err: error }, 'a database thread died and is being replaced'),
  });
  opened.defer(() => db.destroy());
  const aside = await openSeparateConnections({ url }, db);
  opened.defer(() => aside.destroy());
  const budget = new ByteBudget(config.bufferBytes);
  const native = openNativeModule(config, log);
  const files = new DurableFiles({ budget, native });
  // Otherwise, a power cut after the first upload could lose the whole folder, whose name was never synced.
  await syncNamesAbove(folder.path);
  const store = await openStorage(config.storage, { folder: folder.path, files, budget });
  opened.defer(() => store.close());
  const marker = store.marker ?? folder.marker;
  const ownFolder = url === undefined && marker === folder.marker;
  await claimOwnership({ db, blobs: store.blobs, marker, ownFolder });

  if (url !== undefined) opened.defer(await followDatabase(clock, aside));
  const developerToken = config.token ?? (await folder.developerToken());
  const signingKey = config.signingKey ?? (await folder.signingKey());
  if (url !== undefined) await checkSharedSecrets(db, { signingKey, developerToken }, folder.path);
  return { dataFolder: folder.path, db, aside, store, native, developerToken, signingKey };
}

function openNativeModule({ native: mode, hashThreads }: Config, log: FastifyBaseLogger): Native | undefined {
  if (mode === 'off') return undefined;
  const native = openNative(hashThreads ?? availableParallelism());
  if (native instanceof Native) return native;
  log.warn(native, 'the native module is not used, so parts are hashed by node:crypto, which needs more CPU time');
  return undefined;
}
