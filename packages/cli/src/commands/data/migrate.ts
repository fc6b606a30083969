import { readConfig } from '@partway/server/config/config';
import type { Command } from 'commander';
import { withProgressLine } from '../../output/progress-line.ts';
import { addExamples } from '../examples.ts';
import { addSettings, readSettings } from '../settings-options.ts';

/** `partway migrate` */
export function addMigrateCommand(program: Command): void {
  const command = program.command('migrate').description('upgrade the database schema to this version');
  addExamples(command, [
    ['partway migrate', 'Upgrade the database of this environment, before you start the new version'],
    ['partway migrate && partway doctor', 'Upgrade it, then check the server'],
  ]);
  addSettings(command, ['PARTWAY_DATA', 'PARTWAY_DATABASE']).action(async () => {
    const [{ withDatabase }, { openForMigration }] = await Promise.all([
      import('./with-database.ts'),
      import('@partway/server/database/open-database'),
    ]);
    const config = readConfig(readSettings(command));
    await withProgressLine('Upgrading the database schema', () =>
      withDatabase(config, async () => {}, openForMigration),
    );
    console.log('The database schema is up to date.');
  });
}
