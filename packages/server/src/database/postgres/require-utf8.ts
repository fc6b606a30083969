import { type Kysely, sql } from 'kysely';
import type { Tables } from '../schema.ts';

/** Makes sure that a PostgreSQL database can hold every name, and orders names by the bytes that SQLite orders by. */
export async function requireUtf8(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ encoding: string }>`select current_setting('server_encoding') as encoding`.execute(db);
  const encoding = rows[0]?.encoding;
  if (encoding === 'UTF8') return;
  throw new Error(
    `The database's encoding is ${encoding}, in which not every name can be written. Make one with: ` +
      `create database NAME encoding 'UTF8' template template0`,
  );
}
