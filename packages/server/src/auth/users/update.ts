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
import { assertAdministers, isKeptByServer } from './administrator.ts';
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
  /** Bytes; -1 for no limit. What the user has already stays, however much it is. */
  spaceQuota?: number;
  status?: UserStatus;
  role?: UserRole;
  /** Empty for none. */
  externalAppUserId?: string;
  details?: Partial<UserDetails>;
}

/**
 * Changes a user, whole or not at all. Refuses `not_found`, a taken login as `user_login_already_used`, `bad_request`; as
 * `access_denied_insufficient_permissions` another login, status or role for the developer or an app's user, and what is
 * not for this administrator (`assertAdministers`).
 * @param by how far the caller administers.
 */
export async function updateUser(
  { db, tokens, clock }: AuthContext,
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
    // Of two who want a login at once one meets the unique key, which each database reports in its own way.
    if (login !== undefined && isConflict(error) && (await isAnothers(db, login, userId))) {
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
  // The user's row is held, so that of two changes at once neither writes back what it had read before the other.
  await lockTree(tx, userId);
  const user = await findUser(tx, userId);
  if (user === undefined) throw new DomainError('not-found', 'There is no such user.');
  await assertAdministers(tx, by, user, role);
  if (role !== undefined && role !== 'admin' && (await isKeptByServer(tx, user))) throw roleStays();
  if (login !== undefined && login !== user.login) {
    if (await isKeptByServer(tx, user)) throw loginStays();
    if (await isAnothers(tx, login, userId)) throw loginTakenError(login);
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

async function isAnothers(db: Kysely<Tables>, login: string, userId: UserId): Promise<boolean> {
  const holder = await findUserByLogin(db, login);
  return holder !== undefined && holder.id !== userId;
}

function roleStays(): DomainError {
  return new DomainError(
    'permission-denied',
    'The developer and the users of apps are administrators always: the server needs them.',
  );
}

function loginStays(): DomainError {
  return new DomainError(
    'permission-denied',
    'The logins of the developer and of the users of apps cannot be changed.',
  );
}

interface UserToCreate extends Omit<NewUser, 'login' | 'now'> {
  /** Left out for a user whom only apps act for, who gets one that nobody needs to know. */
  login: string | undefined;
}

/** Makes a user with an empty root folder, who cannot log in. Refuses a taken login as `user_login_already_used`, and `bad_request`. */
export async function createUser(
  { db, clock }: AuthContext,
  { login = `user-${randomBytes(16).toString('hex')}@partway.local`, ...user }: UserToCreate,
): Promise<UserRow> {
  checkUserName(user.name);
  checkLogin(login);
  const made = await insertUser(db, { ...user, login, now: clock.now() });
  if (made === undefined) throw loginTakenError(login);
  return made;
}

/**
 * Says what a user may do from now on. The tokens of one who becomes inactive end, and do not come back. Refuses the
 * developer and the users of apps as `access_denied_insufficient_permissions`: the server needs them.
 */
export async function setStatus(tx: Transaction<Tables>, user: UserRow, status: UserStatus): Promise<void> {
  if (status === user.status) return;
  if (await isKeptByServer(tx, user)) {
    throw new DomainError(
      'permission-denied',
      'The developer and the users of apps are active always: the server needs them.',
    );
  }
  await tx.updateTable('users').set({ status }).where('id', '=', user.id).execute();
  if (status === 'inactive') await revokeUserTokens(tx, user.id);
}
