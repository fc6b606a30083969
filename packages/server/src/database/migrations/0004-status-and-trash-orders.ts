import { type Kysely, sql } from 'kysely';

/** What a user may do at all, and the trash in every order in which it can be listed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('users')
    .addColumn('status', 'text', (c) => c.notNull().defaultTo('active'))
    .execute();
  // As `items_in_trash`, which is the order of names.
  for (const [name, ...columns] of [
    ['items_in_trash_by_id', 'id'],
    ['items_in_trash_by_date', 'trashed_at', 'id'],
    ['items_in_trash_by_size', 'size', 'id'],
  ] as const) {
    await db.schema
      .createIndex(name)
      .on('items')
      .columns(['owner_id', 'kind desc', ...columns])
      .where(sql.ref('trashed_with'), '=', sql.ref('id'))
      .execute();
  }
}
