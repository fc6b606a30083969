import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';

/** What is true of the whole installation: an id of this database, and what its nodes have to have in common. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('installation')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute();
  await (db as Kysely<{ installation: { name: string; value: string } }>)
    .insertInto('installation')
    .values({ name: 'database-id', value: randomBytes(16).toString('hex') })
    .execute();
}
