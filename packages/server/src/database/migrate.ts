import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import * as initial from './migrations/initial.ts';
import type { Tables } from './schema.ts';

/**
 * In the order in which they run. Until 0.1.0 is released there is one, whose number is raised with each change to the
 * schema. A released migration is never edited: add the next one.
 */
export const MIGRATIONS: Readonly<Record<string, Migration>> = { '0015-initial': initial };

const UNDEFINED_TABLE = '42P01';
const MISSING_TABLE = /no such table/;

/** A database whose schema belongs to another version of Partway. It is left as it is. */
export class OtherSchemaError extends Error {
  override readonly name = 'OtherSchemaError';

  constructor(found: readonly string[]) {
    const [theirs, ours] = [found.at(-1), Object.keys(MIGRATIONS).at(-1)];
    super(
      `The database was created by another version of Partway (schema ${theirs}; this version uses ${ours}) and was not ` +
        'changed. Use that version, or start with an empty database: versions before 0.1.0 cannot be upgraded.',
    );
  }
}

/**
 * Brings the schema up to this build's, in one transaction per migration. Throws `OtherSchemaError` if the database was
 * used by a build with other migrations, and with the cause if a migration fails, after rolling it back.
 */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  try {
    await rejectOtherSchema(db);
    const { error } = await new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } }).migrateToLatest();
    if (error !== undefined) throw error;
  } catch (error) {
    if (error instanceof OtherSchemaError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The database could not be upgraded to this version of Partway and was not changed: ${why}`, {
      cause: error,
    });
  }
}

/**
 * Makes sure that a PostgreSQL database has the schema of this build, and changes nothing: other nodes may be using it.
 * Throws with what to do if it does not.
 */
export async function requireSchema(db: Kysely<Tables>): Promise<void> {
  const done = await rejectOtherSchema(db);
  if (done.length === Object.keys(MIGRATIONS).length) return;
  const state = done.length === 0 ? 'has no Partway tables yet' : 'was created by an older version of Partway';
  throw new Error(`The database ${state}. Run \`partway migrate\` once, then start again.`);
}

/** The migrations that the database has. Throws `OtherSchemaError` if this build does not know one of them. */
async function rejectOtherSchema(db: Kysely<Tables>): Promise<string[]> {
  const done = await listMigrations(db);
  if (done.some((name) => !(name in MIGRATIONS))) throw new OtherSchemaError(done);
  return done;
}

async function listMigrations(db: Kysely<Tables>): Promise<string[]> {
  try {
    const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
    return rows.map(({ name }) => name);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === UNDEFINED_TABLE || MISSING_TABLE.test(message)) return [];
    throw error;
  }
}
