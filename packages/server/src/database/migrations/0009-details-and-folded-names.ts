import { foldCase } from '@partway/protocol/text';
import { type Kysely, sql } from 'kysely';

/** The columns that this migration reads and writes. */
interface Rows {
  users: {
    id: number;
    login: string;
    name: string;
    login_key: string;
    name_key: string;
    created_at: number;
    modified_at: number;
  };
  items: {
    id: number;
    parent_id: number | null;
    name: string;
    name_key: string;
    etag: number;
    version_id: number | null;
    trashed_at: number | null;
  };
  versions: { id: number; name: string };
}

const BATCH = 1000;

/**
 * What is said of items and users and only stored; the roles of users; names and logins compared by their full case
 * folding. Of two items of a folder that have become one name, the younger one gets a number; two such logins stop the
 * migration, because nobody but the operator can say what becomes of them.
 */
export async function up(given: Kysely<unknown>): Promise<void> {
  const db = given as Kysely<Rows>;
  await db.schema
    .alterTable('items')
    .addColumn('details', 'text', (c) => c.notNull().defaultTo(''))
    .execute();
  for (const [column, value] of [
    ['details', ''],
    ['role', 'user'],
    ['login_key', ''],
    ['name_key', ''],
  ] as const) {
    await db.schema
      .alterTable('users')
      .addColumn(column, 'text', (c) => c.notNull().defaultTo(value))
      .execute();
  }
  await db.schema.alterTable('users').addColumn('external_app_user_id', 'text').execute();
  await db.schema
    .alterTable('users')
    .addColumn('modified_at', 'bigint', (c) => c.notNull().defaultTo(0))
    .execute();
  await foldUsers(db);
  await foldItems(db);
}

async function foldUsers(db: Kysely<Rows>): Promise<void> {
  const logins = new Map<string, string>();
  for (const { id, login, name, created_at } of await db.selectFrom('users').selectAll().orderBy('id').execute()) {
    const key = foldCase(login);
    const other = logins.get(key);
    if (other !== undefined) {
      throw new Error(
        `the logins ${JSON.stringify(other)} and ${JSON.stringify(login)} are the same from now on, because case no longer counts: with the version from before, give one of these users another login`,
      );
    }
    logins.set(key, login);
    await db
      .updateTable('users')
      .set({ login_key: key, name_key: foldCase(name), modified_at: created_at })
      .where('id', '=', id)
      .execute();
  }
  await db.schema.createIndex('users_by_login_key').unique().on('users').column('login_key').execute();
  await db.schema
    .createIndex('users_by_external_app_user_id')
    .on('users')
    .column('external_app_user_id')
    .where(sql.ref('external_app_user_id'), 'is not', null)
    .execute();
}

async function foldItems(db: Kysely<Rows>): Promise<void> {
  await db.schema.dropIndex('items_one_name_a_folder').execute();
  for (let after = -1, more = true; more; ) {
    const batch = await db
      .selectFrom('items')
      .select(['id', 'name', 'name_key'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(BATCH)
      .execute();
    for (const { id, name, name_key } of batch) {
      const key = foldCase(name);
      if (key !== name_key) await db.updateTable('items').set({ name_key: key }).where('id', '=', id).execute();
    }
    more = batch.length === BATCH;
    after = batch.at(-1)?.id ?? after;
  }
  await numberNamesakes(db);
  await db.schema
    .createIndex('items_one_name_a_folder')
    .unique()
    .on('items')
    .columns(['parent_id', 'name_key'])
    .where(sql.ref('trashed_at'), 'is', null)
    .execute();
}

async function numberNamesakes(db: Kysely<Rows>): Promise<void> {
  const { rows } = await sql<{ id: number; parent_id: number; name: string; version_id: number | null }>`
    select id, parent_id, name, version_id from items as item
    where trashed_at is null and parent_id is not null and exists (
      select 1 from items as older
      where older.parent_id = item.parent_id and older.name_key = item.name_key and older.trashed_at is null
        and (older.created_at, older.id) < (item.created_at, item.id))
    order by created_at, id`.execute(db);
  for (const { id, parent_id: parent, name, version_id: version } of rows) {
    const numbered = await freeName(db, parent, name);
    await db
      .updateTable('items')
      .set((row) => ({ name: numbered, name_key: foldCase(numbered), etag: row('etag', '+', 1) }))
      .where('id', '=', id)
      .execute();
    if (version !== null) {
      await db.updateTable('versions').set({ name: numbered }).where('id', '=', version).execute();
    }
  }
}

/** `report (2).pdf` for `report.pdf`, or with the next number that is free; no longer than a name may be. */
async function freeName(db: Kysely<Rows>, parent: number, name: string): Promise<string> {
  const dot = name.lastIndexOf('.');
  const stem = [...(dot > 0 ? name.slice(0, dot) : name)];
  const extension = [...(dot > 0 ? name.slice(dot) : '')];
  for (let number = 2; ; number += 1) {
    const suffix = [...` (${number})`, ...extension].slice(0, 200);
    const candidate = [...stem.slice(0, 255 - suffix.length), ...suffix].join('').trimEnd();
    const taken = await db
      .selectFrom('items')
      .select('id')
      .where('parent_id', '=', parent)
      .where('name_key', '=', foldCase(candidate))
      .where('trashed_at', 'is', null)
      .executeTakeFirst();
    if (taken === undefined) return candidate;
  }
}
