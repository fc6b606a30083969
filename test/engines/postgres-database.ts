import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';

/** A database of its own, made as a copy of another. */
export interface PostgresDatabase extends AsyncDisposable {
  url: string;
}

/** Copies the database at `template`, to which nobody may be connected. It goes, whoever is in it, when it is disposed. */
export async function copyDatabase(template: string): Promise<PostgresDatabase> {
  const name = `partway_${randomBytes(8).toString('hex')}`;
  const of = new URL(template).pathname.slice(1);
  await administer(template, `create database ${escapeIdentifier(name)} template ${escapeIdentifier(of)}`);
  return {
    url: at(template, name),
    async [Symbol.asyncDispose]() {
      await administer(template, `drop database if exists ${escapeIdentifier(name)} with (force)`);
    },
  };
}

/** Makes an empty database of this name on the server at `url`, and gives its URL. */
export async function createDatabase(url: string, name: string): Promise<string> {
  await administer(url, `create database ${escapeIdentifier(name)}`);
  return at(url, name);
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: at(url, 'postgres') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function at(url: string, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href;
}
