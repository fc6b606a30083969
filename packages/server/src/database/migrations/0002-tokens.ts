import { type Kysely, sql } from 'kysely';

/** Every grant of wire "Tokens": passwords, keys and redirects of apps, scopes of tokens, refresh tokens, codes, jti. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('users').addColumn('password_hash', 'text').execute();
  await db.schema
    .alterTable('apps')
    .addColumn('as_user', 'integer', (c) => c.notNull().defaultTo(0))
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

  await remakeAccessTokens(db);

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
  await db.schema
    .createTable('authorization_codes')
    .addColumn('code_sha256', 'text', (c) => c.primaryKey())
    .addColumn('grant_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('client_id', 'text', (c) => c.notNull().references('apps.client_id'))
    .addColumn('redirect_uri', 'text', (c) => c.notNull())
    .addColumn('scopes', 'text')
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('used_at', 'bigint')
    .execute();
  // The key settles it when one assertion comes twice at once.
  await db.schema
    .createTable('used_assertions')
    .addColumn('client_id', 'text', (c) => c.notNull().references('apps.client_id'))
    .addColumn('jti', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('used_assertions_pk', ['client_id', 'jti'])
    .execute();

  await indexTokens(db, 'access_tokens');
  await indexTokens(db, 'refresh_tokens');
  for (const table of ['authorization_codes', 'used_assertions']) {
    await db.schema.createIndex(`${table}_by_expiry`).on(table).column('expires_at').execute();
  }
}

/** A token may now belong to no app, which SQLite cannot change in place. Those that were given out go on working. */
async function remakeAccessTokens(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('access_tokens_remade')
    .addColumn('token_sha256', 'text', (c) => c.primaryKey())
    .addColumn('id', 'text', (c) => c.notNull().unique())
    .addColumn('grant_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'bigint', (c) => c.notNull().references('users.id'))
    .addColumn('client_id', 'text', (c) => c.references('apps.client_id'))
    .addColumn('scopes', 'text')
    .addColumn('bound_to', 'bigint')
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .execute();
  await sql`insert into access_tokens_remade (token_sha256, id, grant_id, user_id, client_id, expires_at)
    select token_sha256, substr(token_sha256, 1, 16), substr(token_sha256, 1, 32), user_id, client_id, expires_at
    from access_tokens`.execute(db);
  await db.schema.dropTable('access_tokens').execute();
  await db.schema.alterTable('access_tokens_remade').renameTo('access_tokens').execute();
}

async function indexTokens(db: Kysely<unknown>, table: string): Promise<void> {
  await db.schema.createIndex(`${table}_by_expiry`).on(table).column('expires_at').execute();
  await db.schema.createIndex(`${table}_by_grant`).on(table).column('grant_id').execute();
}
