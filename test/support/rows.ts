import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import { openDatabase } from '../../packages/server/src/database/open-database.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { copyDatabase, dropDatabase } from '../engines/postgres-database.ts';

/**
 * The rows that go with a folder: those of the SQLite file in it or, where PARTWAY_TEST_DATABASE names a PostgreSQL
 * database with the schema and no rows, those of a copy of that, whose URL is then noted in the folder. So every suite
 * runs on either, also where several processes share a folder.
 */
const TEMPLATE = process.env.PARTWAY_TEST_DATABASE;

/** Why a test that is about the SQLite file itself is skipped; false where it is not. */
export const onlySqlite: string | false = TEMPLATE
  ? 'this is about the SQLite file, and the rows are in PostgreSQL'
  : false;

/** Makes sure that the folder has its rows, and gives the settings by which a server finds them. */
export async function rowsFor(folder: string): Promise<Record<string, string>> {
  if (TEMPLATE && !existsSync(noteIn(folder))) writeFileSync(noteIn(folder), await copyDatabase(TEMPLATE));
  return settingsFor(folder);
}

/** The settings by which a server or a command finds the rows of a folder that has some. */
export function settingsFor(folder: string): Record<string, string> {
  return existsSync(noteIn(folder)) ? { PARTWAY_DATABASE: readFileSync(noteIn(folder), 'utf8') } : {};
}

/** The rows of a folder, which is given some where it has none. Whoever opens them destroys what it got. */
export async function openRows(folder: string): Promise<Kysely<Tables>> {
  const { PARTWAY_DATABASE: url } = await rowsFor(folder);
  return openDatabase({ url, file: join(folder, 'partway.sqlite'), connections: 10 });
}

/** For a folder that is about to go. */
export async function dropRows(folder: string): Promise<void> {
  const { PARTWAY_DATABASE: url } = settingsFor(folder);
  if (url === undefined) return;
  await dropDatabase(url);
  rmSync(noteIn(folder));
}

function noteIn(folder: string): string {
  return join(folder, 'test-database');
}

/** Every text in every row, as whoever steals the database can read it. */
export async function textOfRows(folder: string): Promise<string> {
  const { PARTWAY_DATABASE: url } = settingsFor(folder);
  if (url === undefined) {
    const files = ['partway.sqlite', 'partway.sqlite-wal'].map((name) => join(folder, name));
    return files.map((file) => (existsSync(file) ? readFileSync(file, 'latin1') : '')).join('');
  }
  const db = await openRows(folder);
  const tables = await db.introspection.getTables();
  const texts = [];
  for (const { name } of tables) {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(db);
    texts.push(JSON.stringify(rows));
  }
  await db.destroy();
  return texts.join('');
}
