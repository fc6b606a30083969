import { type Kysely, sql } from 'kysely';

/** What a folder holds as counters, locks, versions in the trash, space by user. Existing rows are counted once, here. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ['child_count', 'size']) {
    await db.schema
      .alterTable('items')
      .addColumn(column, 'bigint', (c) => c.notNull().defaultTo(0))
      .execute();
  }
  await countItems(db);
  await indexItems(db);

  await db.schema
    .alterTable('versions')
    .addColumn('number', 'bigint', (c) => c.notNull().defaultTo(1))
    .execute();
  for (const column of ['trashed_at', 'trashed_by', 'restored_at', 'restored_by']) {
    await db.schema.alterTable('versions').addColumn(column, 'bigint').execute();
  }
  await sql`update versions set number =
    (select count(*) from versions as v
     where v.file_id = versions.file_id and (v.created_at, v.id) <= (versions.created_at, versions.id))`.execute(db);
  await db.schema.createIndex('versions_by_number').unique().on('versions').columns(['file_id', 'number']).execute();

  await db.schema
    .createTable('locks')
    .addColumn('file_id', 'bigint', (c) => c.primaryKey().references('items.id').onDelete('cascade'))
    .addColumn('id', 'bigint', (c) => c.notNull())
    .addColumn('created_by', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('download_prevented', 'integer', (c) => c.notNull())
    .execute();

  for (const column of ['space_used', 'space_reserved']) {
    await db.schema
      .alterTable('users')
      .addColumn(column, 'bigint', (c) => c.notNull().defaultTo(0))
      .execute();
  }
  await db.schema.alterTable('users').addColumn('space_quota', 'bigint').execute();
  await sql`update users set
    space_used = (select coalesce(sum(versions.size), 0) from items join versions on versions.file_id = items.id
                  where items.owner_id = users.id),
    space_reserved = (select coalesce(sum(file_size), 0) from upload_sessions
                      where owner_id = users.id and state = 'open')`.execute(db);
}

/** Below a folder counts what is in use, or went to the trash together with it. */
async function countItems(db: Kysely<unknown>): Promise<void> {
  await sql`update items set size = (select versions.size from versions where versions.id = items.version_id)
    where kind = 'file'`.execute(db);
  await sql`update items set
    child_count = (select count(*) from items as c
                   where c.parent_id = items.id and (c.trashed_at is null or c.trashed_with = items.trashed_with)),
    size = (with recursive below(id, bytes) as (
              select c.id, case when c.kind = 'file' then c.size else 0 end from items as c
              where c.parent_id = items.id and (c.trashed_at is null or c.trashed_with = items.trashed_with)
              union all
              select c.id, case when c.kind = 'file' then c.size else 0 end from items as c
              join below on below.id = c.parent_id
              where c.trashed_at is null or c.trashed_with = items.trashed_with)
            select coalesce(sum(bytes), 0) from below)
    where kind = 'folder'`.execute(db);
}

async function indexItems(db: Kysely<unknown>): Promise<void> {
  for (const [name, column] of [
    ['items_by_date', 'modified_at'],
    ['items_by_size', 'size'],
  ] as const) {
    await db.schema
      .createIndex(name)
      .on('items')
      .columns(['parent_id', 'kind desc', column, 'id'])
      .where(sql.ref('trashed_at'), 'is', null)
      .execute();
  }
  // Everything below a folder, trashed or not; and a folder in the order of ids.
  await db.schema.dropIndex('items_by_parent').execute();
  await db.schema.createIndex('items_by_parent').on('items').columns(['parent_id', 'kind desc', 'id']).execute();
  // What went to the trash by a deletion of its own: a page of the trash.
  await db.schema
    .createIndex('items_in_trash')
    .on('items')
    .columns(['owner_id', 'kind desc', 'name_key', 'id'])
    .where(sql.ref('trashed_with'), '=', sql.ref('id'))
    .execute();
  // What went along with it.
  await db.schema
    .createIndex('items_trashed_with')
    .on('items')
    .column('trashed_with')
    .where(sql.ref('trashed_with'), 'is not', null)
    .execute();
}
