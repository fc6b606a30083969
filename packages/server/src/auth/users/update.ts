import { randomBytes } from 'node:crypto';
import type { Millis, UserId } from '@partway/protocol/ids';
import { foldCase } from '@partway/protocol/text';
import { type UserDetails, withUserDetails } from '@partway/protocol/user-details';
import type { Kysely, Transaction } from 'kysely';
import { DatabaseError } from '../../database/errors.ts';
import type { Tables, UserRole, UserRow, UserStatus } from '../../database/schema.ts';
import { DomainError, KnownError } from '../../errors.ts';
import { lockTree } from '../../files/tree.ts';
import type { AuthContext } from '../context.ts';
import { revokeUserTokens } from '../tokens/revoke-tokens.ts';
import { assertAdministers, isSystemUser } from './administrator.ts';
import {
  checkLogin,
  checkUserName,
  findUser,
  findUserByLogin,
  insertUser,
  loginTakenError,
  type NewUser,
} from './store.ts';

interface UserChange {
  name?: string;
  login?: string;
  /** In bytes; -1 for no limit. A quota below the used space is allowed and deletes nothing. */
  spaceQuota?: number;
  status?: UserStatus;
  role?: UserRole;
  /** An empty string removes it. */
  externalAppUserId?: string;
  details?: Partial<UserDetails>;
}

/**
 * Updates a user in one transaction. Throws `not-found`, `login-in-use`, `invalid-request`, `permission-denied` for the
 * login, status or role of the developer or a service user, and the error of `assertAdministers`.
 * @param by The caller's role.
 */
export async function updateUser(
  { db, tokens, clock }: Pick<AuthContext, 'db' | 'tokens' | 'clock'>,
  userId: UserId,
  change: UserChange,
  by: UserRole,
): Promise<void> {
  const { name, login } = change;
  if (name !== undefined) checkUserName(name);
  if (login !== undefined) checkLogin(login);
  try {
    await db.transaction().execute((tx) => changeRows(tx, userId, change, { by, now: clock.now() }));
  } catch (error) {
    // If two requests set the same login at once, one violates the unique key, which each database reports differently.
    if (login !== undefined && isConflict(error) && (await isLoginOfOther(db, login, userId))) {
      throw loginTakenError(login);
    }
    throw error;
  }
  tokens.deleteByUser(userId);
}

async function changeRows(
  tx: Transaction<Tables>,
  userId: UserId,
  { name, login, spaceQuota, status, role, externalAppUserId, details }: UserChange,
  { by, now }: { by: UserRole; now: Millis },
): Promise<void> {
  // Locks the user's row, so that a concurrent change does not overwrite this one with values that it read before.
  await lockTree(tx, userId);
  const user = await findUser(tx, userId);
  if (user === undefined) throw new DomainError('not-found', 'The user does not exist.');
  await assertAdministers(tx, by, user, role);
  if (role !== undefined && role !== 'admin' && (await isSystemUser(tx, user))) throw systemRoleError();
  if (login !== undefined && login !== user.login) {
    if (await isSystemUser(tx, user)) throw systemLoginError();
    if (await isLoginOfOther(tx, login, userId)) throw loginTakenError(login);
  }
  await tx
    .updateTable('users')
    .set({
      name: name ?? user.name,
      name_key: foldCase(name ?? user.name),
      login: login ?? user.login,
      login_key: foldCase(login ?? user.login),
      role: role ?? user.role,
      modified_at: now,
      details: withUserDetails(user.details, details ?? {}),
      ...(externalAppUserId !== undefined && { external_app_user_id: externalAppUserId || null }),
      ...(spaceQuota !== undefined && { space_quota: spaceQuota }),
    })
    .where('id', '=', userId)
    .execute();
  if (status !== undefined) await setStatus(tx, user, status);
}

function isConflict(error: unknown): boolean {
  return !(error instanceof KnownError) || (error instanceof DatabaseError && error.code === 'conflict');
}

async function isLoginOfOther(db: Kysely<Tables>, login: string, userId: UserId): Promise<boolean> {
  const user = await findUserByLogin(db, login);
  return user !== undefined && user.id !== userId;
}

function systemRoleError(): DomainError {
  return new DomainError(
    'permission-denied',
    'The developer and the service users of apps are always administrators. Their role cannot be changed.',
  );
}

function systemLoginError(): DomainError {
  return new DomainError(
    'permission-denied',
    'The logins of the developer and of the service users of apps cannot be changed.',
  );
}

interface UserToCreate extends Omit<NewUser, 'login' | 'now'> {
  /** Undefined for a user who never logs in and is only used by apps; such a user gets a generated login. */
  login: string | undefined;
}

/**
 * Creates a user with an empty root folder and no password, who cannot log in. Throws `login-in-use` and
 * `invalid-request`.
 */
export async function createUser(
  { db, clock }: AuthContext,
  { login = `user-${randomBytes(16).toString('hex')}@partway.local`, ...user }: UserToCreate,
): Promise<UserRow> {
  checkUserName(user.name);
  checkLogin(login);
  const row = await insertUser(db, { ...user, login, now: clock.now() });
  if (row === undefined) throw loginTakenError(login);
  return row;
}

/**
 * Sets a user's status. Making a user inactive revokes their tokens permanently. Throws `permission-denied` for the
 * developer and service users of apps, because the server needs them.
 */
export async function setStatus(tx: Transaction<Tables>, user: UserRow, status: UserStatus): Promise<void> {
  if (status === user.status) return;
  if (await isSystemUser(tx, user)) {
    throw new DomainError(
      'permission-denied',
      'The developer and the service users of apps are always active. Their status cannot be changed.',
    );
  }
  await tx.updateTable('users').set({ status }).where('id', '=', user.id).execute();
  if (status === 'inactive') await revokeUserTokens(tx, user.id);
}
