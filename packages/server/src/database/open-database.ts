import type { Kysely } from 'kysely';
import { DatabaseError } from './errors.ts';
import { migrate, requireSchema } from './migrate.ts';
import { type PostgresOptions, requireUtf8 } from './postgres/postgres.ts';
import type { Tables } from './schema.ts';
import { openSqlite, type SqliteOptions } from './sqlite/sqlite.ts';

/** Where the rows are. */
export interface DatabasePlace {
  /** Of a PostgreSQL database; undefined for the SQLite file. */
  url: string | undefined;
  /** The SQLite file. */
  file: string;
  /** Connections to PostgreSQL, at most. */
  connections: number;
  /** Threads that read the SQLite file beside the one that writes; 0 where nobody else waits, as in a command. */
  readers?: number;
  /** Told why a thread of SQLite ended by itself. It is replaced. */
  onThreadDeath?: (error: Error) => void;
}

/**
 * Opens the database with the schema of this build. An SQLite file is brought up to it; a PostgreSQL database must have
 * been (`partway migrate`), for other nodes may be using it. Throws with what to do where it cannot be used.
 */
export async function openDatabase({ url, file, connections, ...sqlite }: DatabasePlace): Promise<Kysely<Tables>> {
  const db = await open(url, file, { connections }, sqlite);
  return ready(db, url, () => (url === undefined ? migrate(db) : requireSchema(db)));
}

/**
 * Two further connections to a PostgreSQL database, for what must not wait while the others are all in use; SQLite's
 * readers wait for no writer. Whoever opens it destroys it, before `db`.
 */
export async function openAside({ url }: Pick<DatabasePlace, 'url'>, db: Kysely<Tables>): Promise<Kysely<Tables>> {
  return url === undefined ? db : open(url, '', { connections: 2 });
}

/** Opens the database and brings its schema up to this build's, whichever it is; one that does so at the same time is waited for. */
export async function openToMigrate({ url, file }: Pick<DatabasePlace, 'url' | 'file'>): Promise<Kysely<Tables>> {
  const db = await open(url, file, { connections: 1, statementTimeout: 0 }, { readers: 0 });
  return ready(db, url, async () => {
    if (url !== undefined) await requireUtf8(db);
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
  // Loaded only where it is used: the driver takes 11 MB of memory.
  const { openPostgres } = await import('./postgres/postgres.ts');
  return openPostgres(url, options);
}

async function ready(db: Kysely<Tables>, url: string | undefined, prepare: () => Promise<void>) {
  try {
    await prepare();
    return db;
  } catch (error) {
    await db.destroy();
    throw url === undefined ? error : unusable(url, error);
  }
}

/** Says which database, without its password, and why. */
function unusable(url: string, error: unknown): Error {
  const { host, pathname } = new URL(url);
  const why = error instanceof DatabaseError ? `It cannot be reached: ${reason(error.cause)}` : reason(error);
  return new Error(`PARTWAY_DATABASE (${host}${pathname}): ${why}`, { cause: error });
}

/** Errors of several tries at once have a code only. */
function reason(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  return message || code || String(error);
}
