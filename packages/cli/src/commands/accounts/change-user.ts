import { TokenCache } from '@partway/server/auth/token-cache';
import { getUserByLogin } from '@partway/server/auth/users/store';
import { updateUser } from '@partway/server/auth/users/update';
import { GuardedClock } from '@partway/server/time/clock';
import type { Command } from 'commander';
import { withProgressLine } from '../../output/progress-line.ts';
import { databaseCommand, textOption } from '../data-command.ts';
import { addExamples } from '../examples.ts';
import { STORAGE_SETTINGS } from '../settings-options.ts';

/** `partway user delete` */
export function addUserDeleteCommand(user: Command): void {
  const command = user.command('delete').argument('<login>', 'login of the user');
  command
    .description('permanently delete a user; refuses if the user has files, unless --force is set')
    .option('--force', 'also delete all files and folders of the user, including the trash, and abort uploads');
  addExamples(command, [
    ['partway user delete erin@example.com', 'Delete a user who has no files'],
    ['partway user delete dan@example.com --force', 'Delete a user with all files'],
  ]);
  databaseCommand(
    command,
    async (db, [login = ''], config) => {
      const [{ deleteUser }, { withDeletion }] = await Promise.all([
        import('@partway/server/auth/users/delete'),
        import('../data/with-deletion.ts'),
      ]);
      const user = await getUserByLogin(db, login);
      const force = command.opts().force === true;
      await withProgressLine(`Deleting ${user.login}`, () =>
        withDeletion(config, db, (deps) => deleteUser(deps, user.id, { force, by: 'admin' })),
      );
      return { text: `Deleted the user ${user.login}.`, json: { id: String(user.id), login: user.login } };
    },
    { mainField: 'login', settings: STORAGE_SETTINGS },
  );
}

/** `partway user rename` */
export function addUserRenameCommand(user: Command): void {
  const command = user.command('rename').argument('<login>', 'login of the user').argument('<new-login>', 'new login');
  command
    .description('change the login of a user; files, password and tokens stay the same')
    .option('--name <name>', 'also change the display name');
  addExamples(command, [
    ['partway user rename dan@example.com daniel@example.com', 'Change a login'],
    [
      "partway user rename bob@example.com robert@example.com --name 'Robert Miller'",
      'Change the login and the display name',
    ],
  ]);
  databaseCommand(
    command,
    async (db, [login = '', newLogin = '']) => {
      const { id, ...before } = await getUserByLogin(db, login);
      const name = textOption(command, 'name');
      const context = { db, tokens: new TokenCache(), clock: new GuardedClock() };
      await updateUser(context, id, { login: newLogin, ...(name !== undefined && { name }) }, 'admin');
      return {
        text: `The user ${before.login} is now ${newLogin}.`,
        json: { id: String(id), login: newLogin, name: name ?? before.name },
      };
    },
    { mainField: 'login' },
  );
}
