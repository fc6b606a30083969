import { randomBytes } from 'node:crypto';
import type { UserRow } from '../../database/schema.ts';
import type { Access } from '../context.ts';
import { insertUser, type NewUser } from './store.ts';
import { checkLogin, checkUserName, loginTaken } from './user-names.ts';

export interface UserToCreate extends Omit<NewUser, 'login' | 'now'> {
  /** Left out for a user whom only apps act for, who gets one that nobody needs to know. */
  login: string | undefined;
}

/** Makes a user with an empty root folder, who cannot log in. Refuses a taken login as `user_login_already_used`, and `bad_request`. */
export async function createUser(
  { db, clock }: Access,
  { login = `user-${randomBytes(16).toString('hex')}@partway.local`, ...user }: UserToCreate,
): Promise<UserRow> {
  checkUserName(user.name);
  checkLogin(login);
  const made = await insertUser(db, { ...user, login, now: clock.now() });
  if (made === undefined) throw loginTaken(login);
  return made;
}
