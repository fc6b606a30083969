import type { Kysely } from 'kysely';
import type { Tables, UserRole, UserRow } from '../../database/schema.ts';
import { DomainError } from '../../errors.ts';
import type { Authority } from '../authority.ts';
import { DEVELOPER_LOGIN } from './developer.ts';

/**
 * Gets the role in which a token manages users.
 * - `admin` manages all users: the developer, apps acting for themselves, and users with this role.
 * - `coadmin` manages users without an administrative role.
 * - `user` manages no one. All restricted tokens have this role, regardless of their user.
 */
export async function getRole(db: Kysely<Tables>, authority: Authority): Promise<UserRole> {
  const { principal, scopes, restrictedTo } = authority;
  if (scopes !== undefined || restrictedTo !== undefined) return 'user';
  if (await isSystemUser(db, { id: principal.userId, login: principal.login })) return 'admin';
  return principal.role;
}

/**
 * Throws `permission-denied` if a caller with role `by` cannot change this user, or give them this role.
 * Co-administrators cannot change administrators or co-administrators, and cannot appoint them.
 */
export async function assertAdministers(
  db: Kysely<Tables>,
  by: UserRole,
  user: Pick<UserRow, 'id' | 'login' | 'role'> | undefined,
  role?: UserRole,
): Promise<void> {
  if (by === 'admin') return;
  const isAdministrative = user !== undefined && (user.role !== 'user' || (await isSystemUser(db, user)));
  if (by === 'coadmin' && !isAdministrative && (role ?? 'user') === 'user') return;
  throw new DomainError(
    'permission-denied',
    'Only administrators can change administrators and co-administrators, or change the role of a user.',
  );
}

/** Whether a user is the developer or the service user of an app, which the server or the app needs to work. */
export async function isSystemUser(db: Kysely<Tables>, { id, login }: Pick<UserRow, 'id' | 'login'>): Promise<boolean> {
  if (login === DEVELOPER_LOGIN) return true;
  const app = await db.selectFrom('apps').select('client_id').where('service_user_id', '=', id).executeTakeFirst();
  return app !== undefined;
}
