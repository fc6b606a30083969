import { type Kysely, sql } from 'kysely';

/** Users, apps, tokens; files, folders, versions; upload sessions and their parts. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('users')
    .addColumn('id', 'bigint', (c) => c.primaryKey())
    .addColumn('login', 'text', (c) => c.notNull().unique())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('root_id', 'bigint', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();

  await db.schema
    .createTable('apps')
    .addColumn('client_id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('secret_sha256', 'text', (c) => c.notNull())
    .addColumn('service_user_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();

  await db.schema
    .createTable('access_tokens')
    .addColumn('token_sha256', 'text', (c) => c.primaryKey())
    .addColumn('user_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('client_id', 'text', (c) => c.notNull().references('apps.client_id'))
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('access_tokens_by_expiry').on('access_tokens').column('expires_at').execute();

  await db.schema
    .createTable('items')
    .addColumn('id', 'bigint', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('owner_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('parent_id', 'bigint', (c) => c.references('items.id'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('name_key', 'text', (c) => c.notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('etag', 'bigint', (c) => c.notNull())
    .addColumn('version_id', 'bigint')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('modified_at', 'bigint', (c) => c.notNull())
    .addColumn('content_created_at', 'bigint', (c) => c.notNull())
    .addColumn('content_modified_at', 'bigint', (c) => c.notNull())
    .addColumn('created_by', 'bigint', (c) => c.notNull())
    .addColumn('modified_by', 'bigint', (c) => c.notNull())
    .addColumn('trashed_at', 'bigint')
    .addColumn('trashed_with', 'bigint')
    .execute();
  // One name a folder, whatever its case, over files and folders together; the trash does not hold names.
  await db.schema
    .createIndex('items_one_name_a_folder')
    .unique()
    .on('items')
    .columns(['parent_id', 'name_key'])
    .where(sql.ref('trashed_at'), 'is', null)
    .execute();
  // A page of a folder: folders first, then by name.
  await db.schema
    .createIndex('items_in_order')
    .on('items')
    .columns(['parent_id', 'kind desc', 'name_key', 'id'])
    .where(sql.ref('trashed_at'), 'is', null)
    .execute();
  // Everything below a folder, trashed or not: for the walk that deletes a tree.
  await db.schema.createIndex('items_by_parent').on('items').column('parent_id').execute();

  await db.schema
    .createTable('versions')
    .addColumn('id', 'bigint', (c) => c.primaryKey())
    .addColumn('file_id', 'bigint', (c) => c.notNull().references('items.id'))
    .addColumn('content_id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('size', 'bigint', (c) => c.notNull())
    .addColumn('sha1', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('created_by', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('versions_by_file').on('versions').columns(['file_id', 'id']).execute();
  // The sweep asks for each content whether any version names it.
  await db.schema.createIndex('versions_by_content').on('versions').column('content_id').execute();

  await db.schema
    .createTable('upload_sessions')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('owner_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('file_id', 'bigint')
    .addColumn('folder_id', 'bigint', (c) => c.notNull())
    .addColumn('name', 'text')
    .addColumn('content_id', 'text', (c) => c.notNull().unique())
    .addColumn('staging', 'text', (c) => c.notNull())
    .addColumn('file_size', 'bigint', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('committed_file_id', 'bigint')
    .addColumn('committed_version_id', 'bigint')
    .addColumn('committed_sha1', 'text')
    .execute();
  await db.schema
    .createIndex('upload_sessions_by_expiry')
    .on('upload_sessions')
    .columns(['state', 'expires_at'])
    .execute();

  await db.schema
    .createTable('parts')
    .addColumn('session_id', 'text', (c) => c.notNull().references('upload_sessions.id').onDelete('cascade'))
    .addColumn('slot', 'integer', (c) => c.notNull())
    .addColumn('sha1', 'text', (c) => c.notNull())
    .addColumn('receipt', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('parts_pk', ['session_id', 'slot'])
    .execute();
}
