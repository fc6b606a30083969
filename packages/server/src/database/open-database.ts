import type { Kysely } from 'kysely';
import { DatabaseError } from './errors.ts';
import { migrate, requireSchema } from './migrate.ts';
import type { PostgresOptions } from './postgres/postgres.ts';
import type { Tables } from './schema.ts';
import { openSqlite, type SqliteOptions } from './sqlite/sqlite.ts';

export interface DatabaseLocation {
  /** The URL of a PostgreSQL database; undefined for SQLite. */
  url: string | undefined;
  /** The path of the SQLite file. */
  file: string;
  /** The maximum number of connections to PostgreSQL. */
  connections: number;
  /** The number of threads that read the SQLite file besides the writer; 0 for commands, which have no parallel requests. */
  readers?: number;
  /** Called with the reason when a thread of SQLite has ended unexpectedly. The thread is replaced. */
  onThreadExit?: (error: Error) => void;
}

/**
 * Opens the database with the schema of this build. Migrates a SQLite file. A PostgreSQL database must have been migrated by
 * `partway migrate`, because other nodes might be using it. Throws with instructions if the database cannot be used.
 */
export async function openDatabase({ url, file, connections, ...sqlite }: DatabaseLocation): Promise<Kysely<Tables>> {
  const db = await open(url, file, { connections }, sqlite);
  return prepareOrClose(db, url, () => (url === undefined ? migrate(db) : requireSchema(db)));
}

/**
 * Opens two more connections to a PostgreSQL database, for statements that must not wait while all others are in use. On
 * SQLite returns `db`, because its readers never wait for a writer. The caller destroys the result before `db`.
 */
export async function openSeparateConnections(
  { url }: Pick<DatabaseLocation, 'url'>,
  db: Kysely<Tables>,
): Promise<Kysely<Tables>> {
  return url === undefined ? db : open(url, '', { connections: 2 });
}

/** Opens the database and migrates it to the schema of this build. Waits for another migration that is running. */
export async function openForMigration({ url, file }: Pick<DatabaseLocation, 'url' | 'file'>): Promise<Kysely<Tables>> {
  const db = await open(url, file, { connections: 1, statementTimeout: 0 }, { readers: 0 });
  return prepareOrClose(db, url, async () => {
    if (url !== undefined) await (await loadPostgres()).requireUtf8(db);
    await migrate(db);
  });
}

async function open(
  url: string | undefined,
  file: string,
  options: PostgresOptions,
  sqlite: SqliteOptions = {},
): Promise<Kysely<Tables>> {
  if (url === undefined) return openSqlite(file, sqlite);
  const { openPostgres } = await loadPostgres();
  return openPostgres(url, options);
}

/** Loads the driver only if it is used, because it takes time and 11 MB of memory. */
function loadPostgres() {
  return import('./postgres/postgres.ts');
}

async function prepareOrClose(db: Kysely<Tables>, url: string | undefined, prepare: () => Promise<void>) {
  try {
    await prepare();
    return db;
  } catch (error) {
    await db.destroy();
    throw url === undefined ? error : unusableError(url, error);
  }
}

/** Creates an error with the reason and the database's address, without its password. */
function unusableError(url: string, error: unknown): Error {
  const { host, pathname } = new URL(url);
  const reason = error instanceof DatabaseError ? `It cannot be reached: ${getReason(error.cause)}` : getReason(error);
  return new Error(`PARTWAY_DATABASE (${host}${pathname}): ${reason}`, { cause: error });
}

/** Returns the message of an error, or its code: the error of several connection attempts has no message. */
function getReason(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  return message || code || String(error);
}
