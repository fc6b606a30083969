import type { Command } from 'commander';
import { databaseCommand } from '../data-command.ts';

/** `partway secrets forget` */
export function addSecretsCommand(program: Command): void {
  const secrets = program.command('secrets').description('the secrets that all nodes on one database share');
  const forget = secrets
    .command('forget')
    .description('let the next node that starts bring a new signing key and developer token; stop all nodes first');
  databaseCommand(forget, async (db) => {
    const { clearSettings } = await import('@partway/server/database/metadata');
    const forgotten = await clearSettings(db, ['signing-key-sha256', 'developer-token-sha256']);
    return {
      text: 'The next node that starts says which secrets hold; all others then need the same.',
      json: { forgotten },
    };
  });
}
