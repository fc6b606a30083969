import { type Kysely, sql } from 'kysely';
import { MIGRATIONS, NEWER_DATABASE } from './migrate.ts';
import type { Tables } from './schema.ts';

const UNDEFINED_TABLE = '42P01';

/**
 * Makes sure that a PostgreSQL database has the schema of this build, and leaves it as it is: other nodes may be using
 * it. Throws with what to do where it does not.
 */
export async function requireSchema(db: Kysely<Tables>): Promise<void> {
  const done = await migrationsOf(db);
  const known = Object.keys(MIGRATIONS);
  if (done.some((name) => !known.includes(name))) throw new Error(NEWER_DATABASE);
  if (done.length === known.length) return;
  const how = done.length === 0 ? 'has no tables of Partway yet' : 'was used by an older Partway than this one';
  throw new Error(`The database ${how}. Run \`partway migrate\` once, then start again.`);
}

async function migrationsOf(db: Kysely<Tables>): Promise<string[]> {
  try {
    const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
    return rows.map(({ name }) => name);
  } catch (error) {
    if ((error as { code?: string }).code === UNDEFINED_TABLE) return [];
    throw error;
  }
}
