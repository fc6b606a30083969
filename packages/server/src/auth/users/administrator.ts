import type { Kysely } from 'kysely';
import type { Tables, UserRole, UserRow } from '../../database/schema.ts';
import { DomainError } from '../../errors.ts';
import type { Authority } from '../authority.ts';
import { DEVELOPER_LOGIN } from './developer.ts';

/**
 * How far a token administers the users of the server. `admin`: it is the developer's, that of an app acting for itself,
 * or that of a user with this role. `coadmin`: its user has that role, and administers those who do not administer
 * themselves. `user`: not at all; so does one that was made to do less, whoever it was made from.
 */
export async function getRole(db: Kysely<Tables>, authority: Authority): Promise<UserRole> {
  const { principal, scopes, restrictedTo } = authority;
  if (scopes !== undefined || restrictedTo !== undefined) return 'user';
  if (await isKeptByServer(db, { id: principal.userId, login: principal.login })) return 'admin';
  return principal.role;
}

/**
 * Refuses a change to a user, or to their role, that is not for this administrator: a co-administrator changes nobody who
 * administers, and makes nobody administer.
 */
export async function assertAdministers(
  db: Kysely<Tables>,
  by: UserRole,
  user: Pick<UserRow, 'id' | 'login' | 'role'> | undefined,
  role?: UserRole,
): Promise<void> {
  if (by === 'admin') return;
  const administers = user !== undefined && (user.role !== 'user' || (await isKeptByServer(db, user)));
  if (by === 'coadmin' && !administers && (role ?? 'user') === 'user') return;
  throw new DomainError(
    'permission-denied',
    'Those who administer are for administrators: a co-administrator changes none of them, and gives no role.',
  );
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
