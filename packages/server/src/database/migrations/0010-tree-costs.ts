import { type Kysely, sql } from 'kysely';

/**
 * What keeps the cost of a tree bounded: how many items a user has, as a counter; the trash as one row for each deletion,
 * whatever went along; and which trees are being copied or deleted in batches.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('users')
    .addColumn('item_count', 'bigint', (c) => c.notNull().defaultTo(0))
    .execute();
  await sql`update users set item_count = counted.items from
    (select owner_id, sum(items) as items from
      (select owner_id, count(*) as items from items where kind = 'folder' and parent_id is not null group by owner_id
       union all
       select items.owner_id, count(*) as items from items join versions on versions.file_id = items.id
       group by items.owner_id) as each_kind
     group by owner_id) as counted
    where counted.owner_id = users.id`.execute(db);

  // What went along with a folder is in the trash because that folder is: only the folder's row says so from now on.
  await sql`update items set trashed_at = null, trashed_with = null
    where trashed_with is not null and trashed_with <> id`.execute(db);
  await db.schema.dropIndex('items_trashed_with').execute();

  await db.schema
    .createTable('tree_jobs')
    .addColumn('id', 'bigint', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('owner_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('root_id', 'bigint', (c) => c.notNull())
    .addColumn('source_id', 'bigint')
    .addColumn('lease_until', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('tree_jobs_by_lease').on('tree_jobs').column('lease_until').execute();
  await db.schema.createIndex('tree_jobs_by_owner').on('tree_jobs').columns(['owner_id', 'kind']).execute();
  await db.schema
    .createIndex('tree_jobs_by_source')
    .on('tree_jobs')
    .column('source_id')
    .where(sql.ref('source_id'), 'is not', null)
    .execute();
}
