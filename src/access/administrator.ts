import type { Kysely } from 'kysely';
import type { Tables, UserRow } from '../sql/tables.ts';
import type { Authority } from './authority.ts';
import { DEVELOPER_LOGIN } from './ensure-developer.ts';

/**
 * Whether a token may see and change the users of the server: it is the developer's, or that of an app acting for
 * itself, and whole. One that was made to do less administers nothing, whoever it was made from.
 */
export async function isAdministrator(db: Kysely<Tables>, authority: Authority): Promise<boolean> {
  const { principal, scopes, boundTo } = authority;
  if (scopes !== undefined || boundTo !== undefined) return false;
  return isKeptByServer(db, { id: principal.userId, login: principal.login });
}

/** Whether a user is the developer or the user of an app, without whom the server or the app could not go on. */
export async function isKeptByServer(
  db: Kysely<Tables>,
  { id, login }: Pick<UserRow, 'id' | 'login'>,
): Promise<boolean> {
  if (login === DEVELOPER_LOGIN) return true;
  const app = await db.selectFrom('apps').select('client_id').where('service_user_id', '=', id).executeTakeFirst();
  return app !== undefined;
}
