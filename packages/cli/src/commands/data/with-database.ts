import { existsSync } from 'node:fs';
import type { Config } from '@partway/server/config/config';
import { databasePath } from '@partway/server/data-folder/data-folder';
import { type DatabaseLocation, openDatabase } from '@partway/server/database/open-database';
import type { Tables } from '@partway/server/database/schema';
import type { Kysely } from 'kysely';

/** Calls `work` with the database, whether or not a server has it open. @throws Error if there is no data folder. */
export async function withDatabase<T>(
  config: Config,
  work: (db: Kysely<Tables>) => Promise<T>,
  open: (place: DatabaseLocation) => Promise<Kysely<Tables>> = openDatabase,
): Promise<T> {
  const { dataFolder, database: url, databasePool: connections } = config;
  const file = databasePath(dataFolder);
  if (url === undefined && !existsSync(file)) {
    throw new Error(`There is no Partway data in ${dataFolder}. Start a server there once, or set --data.`);
  }
  const db = await open({ url, file, connections, readers: 0 });
  try {
    return await work(db);
  } finally {
    await db.destroy();
  }
}
