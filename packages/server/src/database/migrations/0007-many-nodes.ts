import type { Kysely } from 'kysely';

/** What several nodes have to know of one upload: how far its digest is, who has which bytes, who fills which slot. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('upload_sessions')
    .addColumn('digest_slots', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema.alterTable('upload_sessions').addColumn('digest_state', 'text').execute();
  await db.schema.alterTable('upload_sessions').addColumn('reader', 'text').execute();
  await db.schema
    .alterTable('upload_sessions')
    .addColumn('reader_until', 'bigint', (c) => c.notNull().defaultTo(0))
    .execute();

  // Every part that there is so far is stored.
  await db.schema
    .alterTable('parts')
    .addColumn('stored', 'integer', (c) => c.notNull().defaultTo(1))
    .execute();
  await db.schema
    .alterTable('parts')
    .addColumn('node', 'text', (c) => c.notNull().defaultTo(''))
    .execute();
}
