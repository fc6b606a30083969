import { rotateSecret } from '@partway/server/auth/apps/rotate-secret';
import type { Command } from 'commander';
import { withProgressLine } from '../../output/progress-line.ts';
import { databaseCommand } from '../data-command.ts';
import { addExamples } from '../examples.ts';
import { STORAGE_SETTINGS } from '../settings-options.ts';

/** `partway app remove` */
export function addAppRemoveCommand(app: Command): void {
  const command = app.command('remove').argument('<client-id>', 'client ID of the app');
  command
    .description('remove an app, revoke all its tokens, and delete its service user')
    .option('--force', 'also delete the files of its service user; without it, the command refuses if there are any')
    .option('--keep-user', 'keep the service user and its files, as an ordinary user');
  addExamples(command, [
    [
      'partway app remove "$(partway app list --value | tail -n 1)"',
      'Remove the newest app, unless its service user has files',
    ],
    [
      'partway app remove "$(partway app list --value | tail -n 1)" --force',
      'Remove an app with the files of its service user',
    ],
  ]);
  databaseCommand(
    command,
    async (db, [clientId = ''], config) => {
      const { force, keepUser } = command.opts<{ force?: boolean; keepUser?: boolean }>();
      if (force && keepUser) throw new Error('Use either --force or --keep-user, not both.');
      const serviceUser = keepUser ? 'keep' : force ? 'delete' : 'delete-empty';
      const [{ removeApp }, { withDeletion }] = await Promise.all([
        import('@partway/server/auth/apps/remove'),
        import('../data/with-deletion.ts'),
      ]);
      const removed = await withProgressLine(`Removing the app ${clientId}`, () =>
        withDeletion(config, db, (deps) => removeApp(deps, clientId, { serviceUser })),
      );
      const { id, login } = removed.serviceUser;
      const fate = keepUser ? `is now an ordinary user; its login is ${login}` : 'is deleted';
      return {
        text: `Removed the app ${clientId} (${removed.app.name}) and revoked its tokens. Its service user ${fate}.`,
        json: { client_id: clientId, service_user_id: String(id), service_user_kept: keepUser === true },
      };
    },
    { mainField: 'client_id', settings: STORAGE_SETTINGS },
  );
}

/** `partway app rotate` */
export function addAppRotateCommand(app: Command): void {
  const command = app.command('rotate').argument('<client-id>', 'client ID of the app');
  command.description('give an app a new secret; the old one stops working, and tokens stay valid');
  addExamples(command, [
    ['partway app rotate "$(partway app list --value | tail -n 1)"', 'Print a new secret for the newest app'],
    [
      'partway app rotate "$(partway app list --value | tail -n 1)" --value > secret.txt',
      'Save the new secret in a file',
    ],
  ]);
  databaseCommand(
    command,
    async (db, [clientId = '']) => {
      const { clientSecret } = await rotateSecret(db, clientId);
      return {
        text: `client id      ${clientId}\nclient secret  ${clientSecret}\nThe secret will not be shown again. The old one no longer works.`,
        json: { client_id: clientId, client_secret: clientSecret },
      };
    },
    { mainField: 'client_secret' },
  );
}
