import type { UserId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import { holdTree } from '../files/hold-tree.ts';
import type { Access } from './access.ts';
import { isKeptByServer } from './administrator.ts';
import { findUser, findUserByLogin } from './records.ts';
import { checkLogin, checkUserName, loginTaken } from './user-names.ts';

export interface UserChange {
  name?: string;
  login?: string;
  /** Bytes; -1 for no limit. What the user has already stays, however much it is. */
  spaceQuota?: number;
}

/**
 * Changes a user, whole or not at all. Refuses `not_found`, a taken login as `conflict`, `bad_request`, and another login
 * for the developer or an app's user as `access_denied_insufficient_permissions`: the server finds them by it.
 */
export async function updateUser({ db, developer }: Access, userId: UserId, change: UserChange): Promise<void> {
  const { name, login, spaceQuota } = change;
  if (name !== undefined) checkUserName(name);
  if (login !== undefined) checkLogin(login);
  const changing = db.transaction().execute(async (tx) => {
    // The user's row is held, so that of two changes at once neither writes back what it had read before the other.
    await holdTree(tx, userId);
    const user = await findUser(tx, userId);
    if (user === undefined) throw new Refusal('not_found', 'There is no such user.');
    if (login !== undefined && login !== user.login) {
      if (await isKeptByServer(tx, developer, userId)) throw loginStays();
      if ((await findUserByLogin(tx, login)) !== undefined) throw loginTaken(login);
    }
    await tx
      .updateTable('users')
      .set({ name: name ?? user.name, login: login ?? user.login })
      .$if(spaceQuota !== undefined, (query) => query.set({ space_quota: spaceQuota as number }))
      .where('id', '=', userId)
      .execute();
  });
  await changing.catch((error: unknown) => {
    // Somebody else got the login since it was looked for.
    if (login !== undefined && error instanceof Refusal && error.code === 'conflict') throw loginTaken(login);
    throw error;
  });
}

function loginStays(): Refusal {
  return new Refusal(
    'access_denied_insufficient_permissions',
    'The logins of the developer and of the users of apps cannot be changed.',
  );
}
