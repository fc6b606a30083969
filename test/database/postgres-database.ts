import type { Kysely } from 'kysely';
import { openPostgres } from '../../packages/server/src/database/postgres/postgres.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { type MigratedPostgres, startMigratedPostgres } from '../engines/migrated-postgres.ts';
import { copyDatabase, dropDatabase } from '../engines/postgres-database.ts';

/** A PostgreSQL database with the schema, and every pool opened on it. */
export interface Database extends AsyncDisposable {
  url: string;
  open(): Promise<Kysely<Tables>>;
}

let started: Promise<MigratedPostgres> | undefined;

/**
 * Creates a copy of the database that PARTWAY_TEST_DATABASE names or, by default, of one on a server that this
 * process starts.
 */
export async function newPostgresDatabase(): Promise<Database> {
  const url = await copyDatabase(await templateUrl());
  const opened: Kysely<Tables>[] = [];
  return {
    url,
    async open() {
      const db = openPostgres(url);
      opened.push(db);
      return db;
    },
    async [Symbol.asyncDispose]() {
      for (const db of opened) await db.destroy();
      await dropDatabase(url);
    },
  };
}

async function templateUrl(): Promise<string> {
  const given = process.env.PARTWAY_TEST_DATABASE;
  if (given) return given;
  started ??= startMigratedPostgres();
  return (await started).template;
}

/** Stops the server if this process has started one. For `after`. */
export async function stopPostgres(): Promise<void> {
  await (await started)?.[Symbol.asyncDispose]();
}
