import { Refusal } from '@partway/protocol/errors';
import type { Fault } from '@partway/protocol/fault';
import { loginFault, userNameFault } from '@partway/protocol/names';

/** Refuses what no login can be. */
export function checkLogin(login: string): void {
  refuse('login', loginFault(login));
}

/** Refuses what no name of a user can be. */
export function checkUserName(name: string): void {
  refuse('name', userNameFault(name));
}

export function loginTaken(login: string): Refusal {
  return new Refusal('user_login_already_used', `User with the specified login already exists: ${login}`);
}

function refuse(field: string, fault: Fault | undefined): void {
  if (fault !== undefined) throw new Refusal('bad_request', `${field} ${fault.says}.`);
}
