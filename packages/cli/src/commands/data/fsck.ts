import { readConfig } from '@partway/server/config/config';
import type { Command } from 'commander';
import { EXIT } from '../../exit-codes.ts';
import { addExamples } from '../examples.ts';
import { addSettings, readSettings, STORAGE_SETTINGS } from '../settings-options.ts';

/** `partway fsck` */
export function addFsckCommand(program: Command): void {
  const command = program.command('fsck').description('verify all stored data, and report problems');
  command
    .option('--repair', 'repair what can be repaired without guessing; the server must be stopped')
    .option('--all-stopped', 'confirm that all nodes are stopped (cannot be detected with a shared database)')
    .option('--json', 'print one JSON object per line: findings, then a summary');
  addExamples(command, [
    ['partway fsck', 'Verify everything, next to the server'],
    [`partway fsck --json | grep '"event":"summary"'`, 'Print only the summary, for a script'],
  ]);
  addSettings(command, [
    ...(['PARTWAY_DATA', 'PARTWAY_DATABASE', 'PARTWAY_ORPHAN_GRACE', 'PARTWAY_ORPHAN_RETENTION'] as const),
    ...STORAGE_SETTINGS,
  ]);
  command.action(async () => {
    const { json = false, repair = false, allStopped = false } = command.opts<Record<string, boolean | undefined>>();
    const config = readConfig(readSettings(command));
    const [{ checkDataFolder }, { fsckReport }] = await Promise.all([
      import('./fsck-folder.ts'),
      import('./fsck-report.ts'),
    ]);
    using report = fsckReport({ json, repair });
    const remaining = await checkDataFolder(config, { repair, allStopped, report });
    if (remaining > 0) process.exitCode = EXIT.problemsFound;
  });
}
