import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import { openDatabase } from '../../packages/server/src/database/open-database.ts';
import type { Tables } from '../../packages/server/src/database/schema.ts';
import { copyDatabase, dropDatabase } from '../engines/postgres-database.ts';

/**
 * The database that belongs to a data folder: its SQLite file or, if PARTWAY_TEST_DATABASE names a migrated
 * PostgreSQL database without rows, a copy of that, whose URL is noted in the folder. So every suite runs on both,
 * even if several processes share a folder.
 */
const TEMPLATE = process.env.PARTWAY_TEST_DATABASE;

/** Why a test of the SQLite file is skipped; false if it is not. */
export const onlySqlite: string | false = TEMPLATE ? 'tests the SQLite file, and this run uses PostgreSQL' : false;

/** Ensures that the folder has a database, and returns the settings with which a server finds it. */
export async function ensureDatabase(folder: string): Promise<Record<string, string>> {
  if (TEMPLATE && !existsSync(urlFile(folder))) writeFileSync(urlFile(folder), await copyDatabase(TEMPLATE));
  return databaseSettings(folder);
}

/** The settings with which a server or a command finds the existing database of a folder. */
export function databaseSettings(folder: string): Record<string, string> {
  return existsSync(urlFile(folder)) ? { PARTWAY_DATABASE: readFileSync(urlFile(folder), 'utf8') } : {};
}

/** Opens the database of a folder, which is created if it does not exist. The caller has to destroy it. */
export async function openTestDatabase(folder: string): Promise<Kysely<Tables>> {
  const { PARTWAY_DATABASE: url } = await ensureDatabase(folder);
  return openDatabase({ url, file: join(folder, 'partway.sqlite'), connections: 10 });
}

/** For a folder that is about to be deleted. */
export async function dropTestDatabase(folder: string): Promise<void> {
  const { PARTWAY_DATABASE: url } = databaseSettings(folder);
  if (url === undefined) return;
  await dropDatabase(url);
  rmSync(urlFile(folder));
}

function urlFile(folder: string): string {
  return join(folder, 'test-database');
}

/** All text in all rows, as someone who steals the database can read it. */
export async function readAllText(folder: string): Promise<string> {
  const { PARTWAY_DATABASE: url } = databaseSettings(folder);
  if (url === undefined) {
    const files = ['partway.sqlite', 'partway.sqlite-wal'].map((name) => join(folder, name));
    return files.map((file) => (existsSync(file) ? readFileSync(file, 'latin1') : '')).join('');
  }
  const db = await openTestDatabase(folder);
  const tables = await db.introspection.getTables();
  const texts = [];
  for (const { name } of tables) {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(db);
    texts.push(JSON.stringify(rows));
  }
  await db.destroy();
  return texts.join('');
}
