import { randomBytes } from 'node:crypto';
import type { UserRow, UserStatus } from '../sql/tables.ts';
import type { Access } from './access.ts';
import { insertUser } from './records.ts';
import { checkLogin, checkUserName, loginTaken } from './user-names.ts';

export interface UserToCreate {
  name: string;
  /** Left out for a user whom only apps act for, who gets one that nobody needs to know. */
  login: string | undefined;
  /** Bytes; -1 for no limit, undefined for what the server is set to. */
  spaceQuota: number | undefined;
  /** Active where it is left out. */
  status?: UserStatus | undefined;
}

/** Makes a user with an empty root folder, who cannot log in. Refuses a taken login as `user_login_already_used`, and `bad_request`. */
export async function createUser(
  { db, clock }: Access,
  { name, login = `user-${randomBytes(16).toString('hex')}@partway.local`, spaceQuota, status }: UserToCreate,
): Promise<UserRow> {
  checkUserName(name);
  checkLogin(login);
  const made = await insertUser(db, { login, name, now: clock.now(), spaceQuota, status });
  if (made === undefined) throw loginTaken(login);
  return made;
}
