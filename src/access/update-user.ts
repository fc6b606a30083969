import type { Kysely, Transaction } from 'kysely';
import type { UserId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import { holdTree } from '../files/hold-tree.ts';
import type { Tables, UserStatus } from '../sql/tables.ts';
import type { Access } from './access.ts';
import { isKeptByServer } from './administrator.ts';
import { findUser, findUserByLogin } from './records.ts';
import { setStatus } from './set-status.ts';
import { checkLogin, checkUserName, loginTaken } from './user-names.ts';

export interface UserChange {
  name?: string;
  login?: string;
  /** Bytes; -1 for no limit. What the user has already stays, however much it is. */
  spaceQuota?: number;
  status?: UserStatus;
}

/**
 * Changes a user, whole or not at all. Refuses `not_found`, a taken login as `user_login_already_used`, `bad_request`, and another login
 * or status for the developer or an app's user as `access_denied_insufficient_permissions`.
 */
export async function updateUser({ db, cache }: Access, userId: UserId, change: UserChange): Promise<void> {
  const { name, login } = change;
  if (name !== undefined) checkUserName(name);
  if (login !== undefined) checkLogin(login);
  try {
    await db.transaction().execute((tx) => changeRows(tx, userId, change));
  } catch (error) {
    // Of two who want a login at once one meets the unique key, which each database reports in its own way.
    if (login !== undefined && isConflict(error) && (await isAnothers(db, login, userId))) {
      throw loginTaken(login);
    }
    throw error;
  }
  cache.deleteAllOf(userId);
}

async function changeRows(
  tx: Transaction<Tables>,
  userId: UserId,
  { name, login, spaceQuota, status }: UserChange,
): Promise<void> {
  // The user's row is held, so that of two changes at once neither writes back what it had read before the other.
  await holdTree(tx, userId);
  const user = await findUser(tx, userId);
  if (user === undefined) throw new Refusal('not_found', 'There is no such user.');
  if (login !== undefined && login !== user.login) {
    if (await isKeptByServer(tx, user)) throw loginStays();
    if (await isAnothers(tx, login, userId)) throw loginTaken(login);
  }
  await tx
    .updateTable('users')
    .set({ name: name ?? user.name, login: login ?? user.login })
    .$if(spaceQuota !== undefined, (query) => query.set({ space_quota: spaceQuota as number }))
    .where('id', '=', userId)
    .execute();
  if (status !== undefined) await setStatus(tx, user, status);
}

function isConflict(error: unknown): boolean {
  return !(error instanceof Refusal) || error.code === 'conflict';
}

async function isAnothers(db: Kysely<Tables>, login: string, userId: UserId): Promise<boolean> {
  const holder = await findUserByLogin(db, login);
  return holder !== undefined && holder.id !== userId;
}

function loginStays(): Refusal {
  return new Refusal(
    'access_denied_insufficient_permissions',
    'The logins of the developer and of the users of apps cannot be changed.',
  );
}
