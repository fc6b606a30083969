import { migrate } from '../../packages/server/src/database/migrate.ts';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import { startPostgres } from './postgres.ts';
import { createDatabase } from './postgres-database.ts';

/** A PostgreSQL of our own with a database that has the schema and no rows, to be copied by each test. */
export interface MigratedPostgres extends AsyncDisposable {
  /** Of that database, to which nobody stays connected. */
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
