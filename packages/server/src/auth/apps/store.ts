import type { UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { AppKeyRow, AppRow, Tables } from '../../database/schema.ts';

// The SQL for apps, their redirect URIs and their keys.

export async function insertApp(db: Kysely<Tables>, app: AppRow, redirectUris: readonly string[]): Promise<void> {
  await db.insertInto('apps').values(app).execute();
  for (const uri of new Set(redirectUris)) {
    await db.insertInto('app_redirects').values({ client_id: app.client_id, uri }).execute();
  }
}

export function findApp(db: Kysely<Tables>, clientId: string): Promise<AppRow | undefined> {
  return db.selectFrom('apps').selectAll().where('client_id', '=', clientId).executeTakeFirst();
}

/** An app that an operator added. */
export type ConfidentialApp = AppRow & { service_user_id: UserId };

/** Gets an app that an operator can change. Throws a message for the operator if there is none. */
export async function getChangeableApp(db: Kysely<Tables>, clientId: string): Promise<ConfidentialApp> {
  const app = await findApp(db, clientId);
  if (app === undefined) throw new Error(`There is no app ${clientId}. To list all apps, run: partway app list`);
  const { service_user_id: serviceUser } = app;
  if (serviceUser !== null) return { ...app, service_user_id: serviceUser };
  throw new Error(`The app ${clientId} is built in, for partway login --web. It cannot be changed or removed.`);
}

export function listApps(db: Kysely<Tables>): Promise<AppRow[]> {
  return db.selectFrom('apps').selectAll().orderBy('created_at').orderBy('client_id').execute();
}

export async function listRedirects(db: Kysely<Tables>, clientId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('app_redirects')
    .select('uri')
    .where('client_id', '=', clientId)
    .orderBy('uri')
    .execute();
  return rows.map(({ uri }) => uri);
}

export async function insertAppKey(db: Kysely<Tables>, key: AppKeyRow): Promise<void> {
  await db.insertInto('app_keys').values(key).execute();
}

/** Lists the keys of an app, oldest first, or only the one with this key ID. */
export function listAppKeys(db: Kysely<Tables>, clientId: string, kid?: string): Promise<AppKeyRow[]> {
  return db
    .selectFrom('app_keys')
    .selectAll()
    .where('client_id', '=', clientId)
    .$if(kid !== undefined, (query) => query.where('kid', '=', kid as string))
    .orderBy('created_at')
    .orderBy('kid')
    .execute();
}
