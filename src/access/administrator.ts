import type { Kysely } from 'kysely';
import type { UserId } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';
import type { Access } from './access.ts';
import type { Authority } from './authority.ts';

/**
 * Whether a token may see and change the users of the server: it is the developer's, or that of an app acting for
 * itself, and whole. One that was made to do less administers nothing, whoever it was made from.
 */
export async function isAdministrator(access: Access, authority: Authority): Promise<boolean> {
  const { principal, scopes, boundTo } = authority;
  if (scopes !== undefined || boundTo !== undefined) return false;
  return isKeptByServer(access.db, access.developer, principal.userId);
}

/** Whether a user is the developer or the user of an app, without whom the server or the app could not go on. */
export async function isKeptByServer(
  db: Kysely<Tables>,
  developer: Access['developer'],
  userId: UserId,
): Promise<boolean> {
  if (userId === developer.authority.principal.userId) return true;
  const app = await db.selectFrom('apps').select('client_id').where('service_user_id', '=', userId).executeTakeFirst();
  return app !== undefined;
}
