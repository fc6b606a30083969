import { Client, escapeIdentifier } from 'pg';
import { newDatabaseName } from './new-database-name.ts';

/** Copies the database at `template`, to which no connection may be open, and returns the URL of the copy. */
export async function copyDatabase(template: string): Promise<string> {
  const name = newDatabaseName();
  await administer(
    template,
    `create database ${escapeIdentifier(name)} template ${escapeIdentifier(nameOf(template))}`,
  );
  return at(template, name);
}

/** Creates an empty database of this name on the server at `url`, and returns its URL. */
export async function createDatabase(url: string, name: string): Promise<string> {
  await administer(url, `create database ${escapeIdentifier(name)}`);
  return at(url, name);
}

/** Drops the database, even if connections are open. */
export async function dropDatabase(url: string): Promise<void> {
  await administer(url, `drop database if exists ${escapeIdentifier(nameOf(url))} with (force)`);
}

/** Runs a statement in the server's default database, outside of any transaction. */
export async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: at(url, 'postgres') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

function at(url: string, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href;
}
