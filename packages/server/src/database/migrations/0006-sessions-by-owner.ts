import type { Kysely } from 'kysely';

/** The uploads under way of one user, in the order in which they are listed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createIndex('upload_sessions_by_owner')
    .on('upload_sessions')
    .columns(['owner_id', 'state', 'id'])
    .execute();
}
