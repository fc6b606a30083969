import type { Command } from 'commander';
import { printFiles } from '../../transfer/download/standard-output.ts';
import { addExamples } from '../examples.ts';
import { remoteCommand } from '../remote-command.ts';

/** `partway cat` */
export function addCatCommand(program: Command): void {
  const command = program
    .command('cat')
    .argument('<remote-file...>', 'files: paths from the root folder, globs, or IDs');
  command.description('print the contents of files to stdout, one after the other, and verify their SHA-1');
  addExamples(command, [
    ['partway cat /backup/notes.txt', 'Read a file'],
    ['partway cat /backup/big.bin | sha1sum', 'Pass a file to another program'],
  ]);
  remoteCommand(command, (call) => printFiles(call), { hasResults: false });
}
