import { changePassword } from '@partway/server/auth/users/change-password';
import type { Command } from 'commander';
import { readPassword } from '../../output/user-password-input.ts';
import { onRows } from '../data-command.ts';

/** `partway user password` */
export function addUserPasswordCommand(user: Command): void {
  const command = user.command('password').argument('<login>', 'whose');
  command.description('set a password, which comes on stdin; all tokens of the user end');
  onRows(command, async (db, [login = '']) => {
    await changePassword(db, { login, password: await readPassword() });
    return { text: `The password of ${login} is set, and all their tokens have ended.`, json: { login } };
  });
}
