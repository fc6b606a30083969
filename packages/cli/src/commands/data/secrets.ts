import type { Tables } from '@partway/server/database/schema';
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { databaseCommand } from '../data-command.ts';
import { addExamples } from '../examples.ts';

/** `partway secrets forget` */
export function addSecretsCommand(program: Command): void {
  const secrets = program.command('secrets').description('manage the secrets that all nodes with one database share');
  addExamples(secrets, [
    ['partway secrets forget', 'Forget the secrets, after you have stopped all nodes'],
    ['partway secrets forget --value', 'Print how many were forgotten'],
  ]);
  const forgetCommand = secrets
    .command('forget')
    .description('reset the shared secrets; the next node to start sets new ones (stop all nodes first)');
  addExamples(forgetCommand, [
    ['partway secrets forget', 'Change the signing key: stop all nodes, run this, and start them with the new key'],
    ['partway secrets forget --json', 'Print how many secrets were forgotten'],
  ]);
  const forget = async (db: Kysely<Tables>) => {
    const { clearSettings } = await import('@partway/server/database/metadata');
    const forgotten = await clearSettings(db, ['signing-key-sha256', 'developer-token-sha256']);
    return {
      text: 'Reset the shared secrets. The next node to start sets new ones, and all other nodes need the same.',
      json: { forgotten },
    };
  };
  databaseCommand(forgetCommand, forget, { mainField: 'forgotten' });
}
