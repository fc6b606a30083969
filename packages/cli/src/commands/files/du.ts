import type { Command } from 'commander';
import { formatBytes } from '../../output/quantities.ts';
import { escapeControl } from '../../output/text.ts';
import { forEachItem } from '../../remote/each-item.ts';
import { getListedItem, type ListedItem } from '../../remote/list-items.ts';
import { joinPath, splitPath } from '../../remote/paths.ts';
import { walkFolder } from '../../remote/walk-folder.ts';
import { addExamples } from '../examples.ts';
import { parseWholeNumber } from '../parse-number.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';

interface DuOptions {
  humanReadable?: boolean;
  summarize?: boolean;
  maxDepth?: number;
}

/** `partway du` */
export function addDuCommand(program: Command): void {
  const command = program
    .command('du')
    .argument('[remote-path...]', 'folders or files: paths from the root folder, globs, or IDs (default: /)');
  command
    .description('show how much folders contain, in bytes; the trash and earlier versions do not count')
    // -h is --human-readable, as everywhere.
    .helpOption('--help', 'display help for command')
    .option('-h, --human-readable', 'show sizes such as 1.5 GiB instead of bytes')
    .option('-s, --summarize', 'show only the total of each argument')
    .option('-d, --max-depth <levels>', 'show folders only down to this many levels', parseWholeNumber({ min: 0 }));
  addExamples(command, [
    ['partway du -sh /backup', 'Show the total size of a folder'],
    ['partway du -h --max-depth 1 /', 'Compare the folders in the root folder'],
  ]);
  remoteCommand(command, (call) => measureAll(call, command.opts<DuOptions>()), { mainField: 'size' });
}

async function measureAll(call: RemoteCall, options: DuOptions): Promise<void> {
  const isScaled = options.humanReadable === true;
  const maxDepth = options.summarize === true ? 0 : (options.maxDepth ?? Number.POSITIVE_INFINITY);
  await forEachItem(call, call.args.length === 0 ? ['/'] : call.args, async (item) => {
    const show = ({ type, id, size }: ListedItem, path: string) => {
      const text = isScaled ? formatBytes(size).padStart(9) : String(size).padStart(15);
      call.print({ type, id, path, size }, `${text}  ${escapeControl(path)}`);
    };
    const prefix = joinPath([...splitPath(item.path), '']);
    const walk = { prefix, enters: (_: ListedItem, depth: number) => depth + 1 < maxDepth, foldersLast: true };
    if (item.type === 'folder' && maxDepth > 0) {
      // The server knows the size of each folder.
      for await (const found of walkFolder(call.client, item.id, walk)) {
        if (found.item.type === 'folder') show(found.item, found.path);
      }
    }
    show(await getListedItem(call.client, item), item.path);
  });
}
