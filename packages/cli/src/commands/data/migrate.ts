import { readConfig } from '@partway/server/config/config';
import type { Command } from 'commander';
import { addSettings, givenSettings } from '../settings-options.ts';

/** `partway migrate` */
export function addMigrateCommand(program: Command): void {
  const command = program.command('migrate').description("bring the database's tables up to this version");
  addSettings(command, ['PARTWAY_DATA', 'PARTWAY_DATABASE']).action(async () => {
    const [{ withDatabase }, { openToMigrate }] = await Promise.all([
      import('./with-rows.ts'),
      import('@partway/server/database/open-database'),
    ]);
    await withDatabase(readConfig(givenSettings(command)), async () => {}, openToMigrate);
    console.log('The database has the tables of this version.');
  });
}
