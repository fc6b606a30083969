import { readConfig } from '@partway/server/config/config';
import type { Command } from 'commander';
import { EXIT } from '../../exit-codes.ts';
import { addSettings, givenSettings } from '../settings-options.ts';

/** `partway fsck` */
export function addFsckCommand(program: Command): void {
  const command = program.command('fsck').description('read everything in a data folder, and say what is wrong');
  command
    .option('--repair', 'mend what can be mended without guessing; the server has to be stopped')
    .option('--all-stopped', 'say that no node runs, which only you can know where the database is elsewhere')
    .option('--json', 'print one JSON object a line: findings, then a summary');
  addSettings(command, [
    ...(['PARTWAY_DATA', 'PARTWAY_DATABASE', 'PARTWAY_ORPHAN_GRACE', 'PARTWAY_ORPHAN_RETENTION'] as const),
    ...(['PARTWAY_STORAGE', 'PARTWAY_S3_ENDPOINT', 'PARTWAY_S3_PATH_STYLE'] as const),
  ]);
  command.action(async () => {
    const { json = false, repair = false, allStopped = false } = command.opts<Record<string, boolean | undefined>>();
    const config = readConfig(givenSettings(command));
    const [{ checkDataFolder }, { fsckReport }] = await Promise.all([
      import('./fsck-folder.ts'),
      import('./fsck-report.ts'),
    ]);
    using report = fsckReport({ json, repair });
    const left = await checkDataFolder(config, { repair, allStopped, report });
    if (left > 0) process.exitCode = EXIT.troubleFound;
  });
}
