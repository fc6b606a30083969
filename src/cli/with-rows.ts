import { existsSync } from 'node:fs';
import type { Kysely } from 'kysely';
import type { Config } from '../config.ts';
import { databasePath } from '../data/data-folder.ts';
import { migrate } from '../sql/migrate.ts';
import { openSqlite } from '../sql/sqlite.ts';
import type { Tables } from '../sql/tables.ts';

/** Does something with the rows of a data folder, whether or not a server has it open. */
export async function withRows<T>({ dataFolder }: Config, work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
  const path = databasePath(dataFolder);
  if (!existsSync(path)) {
    throw new Error(`There is no Partway data in ${dataFolder}. Start the server there once, or give --data.`);
  }
  const db = openSqlite(path);
  try {
    await migrate(db);
    return await work(db);
  } finally {
    await db.destroy();
  }
}
