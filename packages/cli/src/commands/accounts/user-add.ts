import { addUser } from '@partway/server/auth/accounts';
import { changePassword } from '@partway/server/auth/users/change-password';
import { checkPassword } from '@partway/server/auth/users/password';
import type { Command } from 'commander';
import { readPassword } from '../../output/user-password-input.ts';
import { onRows, textOption } from '../data-command.ts';
import { parseQuota } from './quota-option.ts';

/** `partway user add` */
export function addUserAddCommand(user: Command): void {
  const command = user.command('add').argument('<login>', 'a name of its own, such as an e-mail address');
  command
    .description('add a user, with an empty root folder')
    .option('--name <name>', 'how the user is shown; the login unless set')
    .option(
      '--quota <size>',
      'how much the user may keep: a size, none for no limit; as the server is set unless given',
    )
    .option('--password-stdin', 'let the user log in, with the password that comes on stdin');
  onRows(command, async (db, [login = '']) => {
    const password = command.opts().passwordStdin === true ? await readPassword() : undefined;
    if (password !== undefined) checkPassword(password);
    const spaceQuota = parseQuota(textOption(command, 'quota') ?? 'default') ?? undefined;
    const name = textOption(command, 'name') ?? login;
    const made = await addUser(db, { login, name, now: Date.now(), spaceQuota });
    if (password !== undefined) await changePassword(db, { login, password });
    return {
      text: `user id  ${made.id}\nlogin    ${made.login}`,
      json: { id: String(made.id), login: made.login, name: made.name },
    };
  });
}
