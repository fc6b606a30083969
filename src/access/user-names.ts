import { Refusal } from '../api/refusal.ts';

const LONGEST = 254;

/** Refuses what no login can be. It need not be an e-mail address: nothing is sent there. */
export function checkLogin(login: string): void {
  if (login.length <= LONGEST && /^[^\s\p{C}]+$/u.test(login)) return;
  throw new Refusal('bad_request', `login must have 1 to ${LONGEST} characters, and no spaces.`);
}

/** Refuses what no name of a user can be. */
export function checkUserName(name: string): void {
  if (name.length <= LONGEST && name.trim() !== '' && !/\p{C}/u.test(name)) return;
  throw new Refusal('bad_request', `name must have 1 to ${LONGEST} characters, which can be seen.`);
}

export function loginTaken(login: string): Refusal {
  return new Refusal('user_login_already_used', `User with the specified login already exists: ${login}`);
}
