import type { Tables } from '@partway/server/database/schema';
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { databaseCommand } from '../data-command.ts';

/** `partway secrets forget` */
export function addSecretsCommand(program: Command): void {
  const secrets = program.command('secrets').description('manage the secrets that all nodes with one database share');
  const forgetCommand = secrets
    .command('forget')
    .description('reset the shared secrets; the next node to start sets new ones (stop all nodes first)');
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
