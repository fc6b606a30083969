import type { Fault } from '@partway/protocol/fault';
import type { ItemId, Millis, UserId } from '@partway/protocol/ids';
import { loginFault, userNameFault } from '@partway/protocol/names';
import { foldCase } from '@partway/protocol/text';
import { type UserDetails, withUserDetails } from '@partway/protocol/user-details';
import type { Kysely } from 'kysely';
import type { Tables, UserRole, UserRow, UserStatus } from '../../database/schema.ts';
import { newId } from '../../database/values.ts';
import { DomainError } from '../../errors.ts';
import type { Principal } from '../principal.ts';
import type { Permission } from '../scopes.ts';

export interface NewUser {
  login: string;
  name: string;
  now: Millis;
  /** In bytes; -1 for no limit, undefined for the server's default. */
  spaceQuota?: number | undefined;
  /** Defaults to `active`. */
  status?: UserStatus | undefined;
  /** Defaults to `user`. */
  role?: UserRole | undefined;
  externalAppUserId?: string | undefined;
  details?: Partial<UserDetails>;
}

/** Inserts a user and their root folder. Returns undefined if the login is in use. */
export async function insertUser(db: Kysely<Tables>, user: NewUser): Promise<UserRow | undefined> {
  const { login, name, now, spaceQuota, status = 'active', role = 'user', externalAppUserId, details = {} } = user;
  const row: UserRow = {
    id: newId<UserId>(),
    login,
    login_key: foldCase(login),
    name,
    name_key: foldCase(name),
    root_id: newId<ItemId>(),
    created_at: now,
    password_hash: null,
    status,
    role,
    modified_at: now,
    external_app_user_id: externalAppUserId ?? null,
    details: withUserDetails('', details),
  };
  return db.transaction().execute(async (tx) => {
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('users')
      .values({ ...row, space_quota: spaceQuota ?? null })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows === 0n) return undefined;
    await tx
      .insertInto('items')
      .values({
        id: row.root_id,
        kind: 'folder',
        owner_id: row.id,
        parent_id: null,
        name: 'All Files',
        name_key: 'all files',
        description: '',
        etag: 0,
        version_id: null,
        created_at: now,
        modified_at: now,
        content_created_at: now,
        content_modified_at: now,
        created_by: row.id,
        modified_by: row.id,
        trashed_at: null,
        trashed_with: null,
      })
      .execute();
    return row;
  });
}

export function findUser(db: Kysely<Tables>, id: UserId): Promise<UserRow | undefined> {
  return db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
}

export function findUserByLogin(db: Kysely<Tables>, login: string): Promise<UserRow | undefined> {
  return db.selectFrom('users').selectAll().where('login_key', '=', foldCase(login)).executeTakeFirst();
}

/** Gets the user with this login, which is case-insensitive. Throws a message for the operator if there is none. */
export async function getUserByLogin(db: Kysely<Tables>, login: string): Promise<UserRow> {
  const user = await findUserByLogin(db, login);
  if (user === undefined)
    throw new Error(`There is no user with the login ${login}. To list all users, run: partway user list`);
  return user;
}

export function toPrincipal(user: Pick<UserRow, 'id' | 'login' | 'name' | 'root_id' | 'status' | 'role'>): Principal {
  const { id, login, name, root_id: rootId, status, role } = user;
  return { userId: id, login, name, rootId, status, role };
}

/** Throws `invalid-request` if the login is invalid. */
export function checkLogin(login: string): void {
  throwFault('login', loginFault(login));
}

/** Throws `invalid-request` if the name is invalid. */
export function checkUserName(name: string): void {
  throwFault('name', userNameFault(name));
}

export function loginTakenError(login: string): DomainError {
  return new DomainError('login-in-use', `User with the specified login already exists: ${login}`);
}

function throwFault(field: string, fault: Fault | undefined): void {
  if (fault !== undefined) throw new DomainError('invalid-request', `${field} ${fault.message}.`);
}

/** The permissions of users by status, which limit all their tokens. The statuses are Box's. */
const PERMISSIONS_BY_STATUS: Record<UserStatus, readonly Permission[]> = {
  active: ['read', 'download', 'upload', 'replace', 'rename', 'delete', 'change'],
  cannot_delete_edit: ['read', 'download', 'upload'],
  cannot_delete_edit_upload: ['read', 'download'],
  inactive: [],
};

export const USER_STATUSES: readonly string[] = Object.keys(PERMISSIONS_BY_STATUS);

export function isUserStatus(text: unknown): text is UserStatus {
  return typeof text === 'string' && Object.hasOwn(PERMISSIONS_BY_STATUS, text);
}

export function statusAllows(status: UserStatus, permission: Permission): boolean {
  return PERMISSIONS_BY_STATUS[status].includes(permission);
}

/**
 * Sets a user's quota in bytes: -1 for no limit, null for the server's default. A quota below the used space is allowed
 * and deletes nothing. Returns false if the user does not exist.
 */
export async function setQuota(db: Kysely<Tables>, user: UserId, quota: number | null): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('users')
    .set({ space_quota: quota })
    .where('id', '=', user)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
