import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';

/** All tables of `schema.ts`. Until 0.1.0 is released, a change to the schema edits this file and raises its number. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createUsers(db);
  await createTokens(db);
  await createItems(db);
  await createVersions(db);
  await createUploads(db);
  await createBlobs(db);
  await createMetadata(db);
  await insertCommandLine(db);
}

async function createUsers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('users')
    .addColumn('id', 'bigint', (c) => c.primaryKey())
    .addColumn('login', 'text', (c) => c.notNull())
    .addColumn('login_key', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('name_key', 'text', (c) => c.notNull())
    .addColumn('root_id', 'bigint', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('modified_at', 'bigint', (c) => c.notNull())
    .addColumn('password_hash', 'text')
    .addColumn('status', 'text', (c) => c.notNull().defaultTo('active'))
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('external_app_user_id', 'text')
    .addColumn('details', 'text', (c) => c.notNull())
    .addColumn('space_used', 'bigint', (c) => c.notNull().defaultTo(0))
    .addColumn('space_reserved', 'bigint', (c) => c.notNull().defaultTo(0))
    .addColumn('space_quota', 'bigint')
    .addColumn('item_count', 'bigint', (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema.createIndex('users_by_login_key').unique().on('users').column('login_key').execute();
  await db.schema
    .createIndex('users_by_external_app_user_id')
    .on('users')
    .column('external_app_user_id')
    .where(sql.ref('external_app_user_id'), 'is not', null)
    .execute();

  await db.schema
    .createTable('apps')
    .addColumn('client_id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('secret_sha256', 'text')
    .addColumn('service_user_id', 'bigint', (c) => c.references('users.id'))
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('as_user', 'integer', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('app_redirects')
    .addColumn('client_id', 'text', (c) => c.notNull().references('apps.client_id').onDelete('cascade'))
    .addColumn('uri', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('app_redirects_pk', ['client_id', 'uri'])
    .execute();
  await db.schema
    .createTable('app_keys')
    .addColumn('kid', 'text', (c) => c.primaryKey())
    .addColumn('client_id', 'text', (c) => c.notNull().references('apps.client_id').onDelete('cascade'))
    .addColumn('public_key', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();
}

async function createTokens(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('access_tokens')
    .addColumn('token_sha256', 'text', (c) => c.primaryKey())
    .addColumn('id', 'text', (c) => c.notNull().unique())
    .addColumn('grant_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('client_id', 'text', (c) => c.references('apps.client_id'))
    .addColumn('scopes', 'text')
    .addColumn('restricted_to', 'bigint')
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('parent_sha256', 'text')
    .execute();
  await db.schema.createIndex('access_tokens_by_parent').on('access_tokens').column('parent_sha256').execute();
  await db.schema
    .createTable('refresh_tokens')
    .addColumn('token_sha256', 'text', (c) => c.primaryKey())
    .addColumn('id', 'text', (c) => c.notNull().unique())
    .addColumn('grant_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('client_id', 'text', (c) => c.notNull().references('apps.client_id'))
    .addColumn('scopes', 'text')
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('used_at', 'bigint')
    .execute();
  for (const table of ['access_tokens', 'refresh_tokens']) {
    await db.schema.createIndex(`${table}_by_expiry`).on(table).column('expires_at').execute();
    await db.schema.createIndex(`${table}_by_grant`).on(table).column('grant_id').execute();
  }

  await db.schema
    .createTable('authorization_codes')
    .addColumn('code_sha256', 'text', (c) => c.primaryKey())
    .addColumn('grant_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('client_id', 'text', (c) => c.notNull().references('apps.client_id'))
    .addColumn('redirect_uri', 'text', (c) => c.notNull())
    .addColumn('scopes', 'text')
    .addColumn('code_challenge', 'text')
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('used_at', 'bigint')
    .execute();
  // The primary key decides if one assertion arrives twice at the same time.
  await db.schema
    .createTable('used_assertions')
    .addColumn('client_id', 'text', (c) => c.notNull().references('apps.client_id'))
    .addColumn('jti', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('used_assertions_pk', ['client_id', 'jti'])
    .execute();
  for (const table of ['authorization_codes', 'used_assertions']) {
    await db.schema.createIndex(`${table}_by_expiry`).on(table).column('expires_at').execute();
  }
}

async function createItems(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('items')
    .addColumn('id', 'bigint', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('owner_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('parent_id', 'bigint', (c) => c.references('items.id'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('name_key', 'text', (c) => c.notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('details', 'text', (c) => c.notNull().defaultTo(''))
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
    .addColumn('child_count', 'bigint', (c) => c.notNull().defaultTo(0))
    .addColumn('size', 'bigint', (c) => c.notNull().defaultTo(0))
    .execute();
  // Names are unique in a folder, over files and folders together, whatever their case. The trash reserves no names.
  await db.schema
    .createIndex('items_unique_names')
    .unique()
    .on('items')
    .columns(['parent_id', 'name_key'])
    .where(sql.ref('trashed_at'), 'is', null)
    .execute();
  // Everything in a folder, in the trash or not, ordered by ID: for the walk that deletes or copies a tree.
  await db.schema.createIndex('items_by_parent').on('items').columns(['parent_id', 'kind desc', 'id']).execute();
  // A page of a folder in each order: folders first.
  for (const [name, column] of [
    ['items_by_name', 'name_key'],
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
  // A page of the trash in each order: items that were deleted themselves, not with a folder above them.
  for (const [name, ...columns] of [
    ['items_in_trash_by_id', 'id'],
    ['items_in_trash_by_name', 'name_key', 'id'],
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

  // What has been in the trash for longest, of all users.
  await db.schema
    .createIndex('items_in_trash_by_time')
    .on('items')
    .columns(['trashed_at', 'id'])
    .where(sql.ref('trashed_with'), '=', sql.ref('id'))
    .execute();

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

async function createVersions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('versions')
    .addColumn('id', 'bigint', (c) => c.primaryKey())
    .addColumn('file_id', 'bigint', (c) => c.notNull().references('items.id'))
    .addColumn('blob_id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('size', 'bigint', (c) => c.notNull())
    .addColumn('sha1', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('created_by', 'bigint', (c) => c.notNull())
    .addColumn('number', 'bigint', (c) => c.notNull().defaultTo(1))
    .addColumn('trashed_at', 'bigint')
    .addColumn('trashed_by', 'bigint')
    .addColumn('restored_at', 'bigint')
    .addColumn('restored_by', 'bigint')
    .execute();
  await db.schema.createIndex('versions_by_file').on('versions').columns(['file_id', 'id']).execute();
  await db.schema.createIndex('versions_by_number').unique().on('versions').columns(['file_id', 'number']).execute();
  // Garbage collection asks for each blob whether any version references it.
  await db.schema.createIndex('versions_by_blob').on('versions').column('blob_id').execute();

  await db.schema
    .createIndex('versions_in_trash')
    .on('versions')
    .columns(['trashed_at', 'id'])
    .where(sql.ref('trashed_at'), 'is not', null)
    .execute();

  await db.schema
    .createTable('locks')
    .addColumn('file_id', 'bigint', (c) => c.primaryKey().references('items.id').onDelete('cascade'))
    .addColumn('id', 'bigint', (c) => c.notNull())
    .addColumn('created_by', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('download_prevented', 'integer', (c) => c.notNull())
    .execute();
}

async function createUploads(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('upload_sessions')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('owner_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('file_id', 'bigint')
    .addColumn('folder_id', 'bigint', (c) => c.notNull())
    .addColumn('name', 'text')
    .addColumn('blob_id', 'text', (c) => c.notNull().unique())
    .addColumn('staged_blob', 'text', (c) => c.notNull())
    .addColumn('file_size', 'bigint', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('committed_file_id', 'bigint')
    .addColumn('committed_version_id', 'bigint')
    .addColumn('committed_sha1', 'text')
    .addColumn('hashed_parts', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('hash_state', 'text')
    .addColumn('rehash_node', 'text')
    .addColumn('rehash_until', 'bigint', (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema
    .createIndex('upload_sessions_by_expiry')
    .on('upload_sessions')
    .columns(['state', 'expires_at'])
    .execute();
  await db.schema
    .createIndex('upload_sessions_by_owner')
    .on('upload_sessions')
    .columns(['owner_id', 'state', 'id'])
    .execute();

  await db.schema
    .createTable('parts')
    .addColumn('session_id', 'text', (c) => c.notNull().references('upload_sessions.id').onDelete('cascade'))
    .addColumn('part_index', 'integer', (c) => c.notNull())
    .addColumn('sha1', 'text', (c) => c.notNull())
    .addColumn('tag', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('stored', 'integer', (c) => c.notNull().defaultTo(1))
    .addColumn('node', 'text', (c) => c.notNull().defaultTo(''))
    .addPrimaryKeyConstraint('parts_pk', ['session_id', 'part_index'])
    .execute();
}

async function createBlobs(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('unreferenced_blobs')
    .addColumn('blob_id', 'text', (c) => c.primaryKey())
    .addColumn('owner_id', 'bigint')
    .addColumn('reserved', 'bigint', (c) => c.notNull().defaultTo(0))
    .addColumn('touched_at', 'bigint', (c) => c.notNull())
    .addColumn('deleting', 'integer', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('unreferenced_blobs_by_time')
    .on('unreferenced_blobs')
    .columns(['deleting', 'touched_at'])
    .execute();

  await db.schema
    .createTable('orphaned_blobs')
    .addColumn('blob_id', 'text', (c) => c.primaryKey())
    .addColumn('found_at', 'bigint', (c) => c.notNull())
    .execute();
}

async function createMetadata(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('metadata')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute();
  await (db as Kysely<{ metadata: { name: string; value: string } }>)
    .insertInto('metadata')
    .values({ name: 'database-id', value: randomBytes(16).toString('hex') })
    .execute();
}

/** The public client as which `partway login --web` logs in (auth/apps/public-client.ts). */
async function insertCommandLine(db: Kysely<unknown>): Promise<void> {
  const tables = db as Kysely<{
    apps: { client_id: string; name: string; created_at: number; as_user: number };
    app_redirects: { client_id: string; uri: string };
  }>;
  const client_id = 'partway-cli';
  const name = 'The partway command line';
  await tables.insertInto('apps').values({ client_id, name, created_at: 0, as_user: 0 }).execute();
  const uris = ['http://127.0.0.1/callback', 'http://[::1]/callback'];
  await tables
    .insertInto('app_redirects')
    .values(uris.map((uri) => ({ client_id, uri })))
    .execute();
}
