import { migrate } from '../../packages/server/src/database/migrate.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import { startPostgres } from './postgres.ts';
import { createDatabase } from './postgres-database.ts';

/** A separate PostgreSQL with a migrated database without rows, which each test copies. */
export interface MigratedPostgres extends AsyncDisposable {
  /** The URL of that database, which no connection may stay open to. */
  template: string;
}

export async function startMigratedPostgres(): Promise<MigratedPostgres> {
  const server = await startPostgres();
  const template = await createDatabase(server.url, 'partway_template');
  const db = openPostgres(template);
  await migrate(db);
  await db.destroy();
  return { template, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
