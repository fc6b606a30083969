import type { Kysely } from 'kysely';

/**
 * Blobs that no version and no session names: known ones, which are being written or are to be deleted, and those that a
 * look through the store has found and nothing explains.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('unreferenced_blobs')
    .addColumn('blob_id', 'text', (c) => c.primaryKey())
    .addColumn('owner_id', 'bigint')
    .addColumn('reserved', 'bigint', (c) => c.notNull().defaultTo(0))
    .addColumn('touched_at', 'bigint', (c) => c.notNull())
    .addColumn('doomed', 'integer', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('unreferenced_blobs_by_time')
    .on('unreferenced_blobs')
    .columns(['doomed', 'touched_at'])
    .execute();

  await db.schema
    .createTable('orphaned_blobs')
    .addColumn('blob_id', 'text', (c) => c.primaryKey())
    .addColumn('found_at', 'bigint', (c) => c.notNull())
    .execute();
}
