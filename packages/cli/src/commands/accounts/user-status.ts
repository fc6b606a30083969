import { setStatus } from '@partway/server/auth/users/set-status';
import { needUser } from '@partway/server/auth/users/store';
import { isUserStatus, USER_STATUSES } from '@partway/server/auth/users/user-status';
import type { Command } from 'commander';
import { onRows } from '../data-command.ts';

/** `partway user status` */
export function addUserStatusCommand(user: Command): void {
  const command = user.command('status').argument('<login>', 'whose');
  command
    .argument('<status>', USER_STATUSES.join(', '))
    .description('say what a user may do at all; all tokens of one who becomes inactive end');
  onRows(command, async (db, [login = '', status = '']) => {
    if (!isUserStatus(status)) throw new Error(`${status} is no status: give one of ${USER_STATUSES.join(', ')}.`);
    await db.transaction().execute(async (tx) => setStatus(tx, await needUser(tx, login), status));
    return { text: `${login} is ${status}.`, json: { login, status } };
  });
}
