import type { NodeClient } from '@partway/client/node/index';
import { type Command, InvalidArgumentError } from 'commander';
import { formatBytes } from '../../output/quantities.ts';
import { escapeControl } from '../../output/text.ts';
import { forEachItem } from '../../remote/each-item.ts';
import { getListedItem, type ListedItem, listItems } from '../../remote/list-items.ts';
import { joinPath, splitPath } from '../../remote/paths.ts';
import { addExamples } from '../examples.ts';
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
    .option('-d, --max-depth <levels>', 'show folders only down to this many levels', parseDepth);
  addExamples(command, [
    ['partway du -sh /backup', 'Show the total size of a folder'],
    ['partway du -h --max-depth 1 /', 'Compare the folders in the root folder'],
  ]);
  remoteCommand(command, (call) => measureAll(call, command.opts<DuOptions>()), { mainField: 'size' });
}

async function measureAll(call: RemoteCall, options: DuOptions): Promise<void> {
  const maxDepth = options.summarize === true ? 0 : (options.maxDepth ?? Number.POSITIVE_INFINITY);
  await forEachItem(call, call.args.length === 0 ? ['/'] : call.args, async (item) => {
    const listed = await getListedItem(call.client, item);
    for await (const { path, ...entry } of walkFolders(call.client, { ...listed, path: item.path }, maxDepth)) {
      const size = options.humanReadable === true ? formatBytes(entry.size) : String(entry.size);
      call.print(
        { type: entry.type, id: entry.id, path, size: entry.size },
        `${size.padStart(options.humanReadable === true ? 9 : 15)}  ${escapeControl(path)}`,
      );
    }
  });
}

interface MeasuredItem extends ListedItem {
  path: string;
}

/** Yields the folders below an item, then the item itself, as `du` does. The server knows the size of each folder. */
async function* walkFolders(client: NodeClient, item: MeasuredItem, levels: number): AsyncGenerator<MeasuredItem> {
  if (item.type === 'folder' && levels > 0) {
    for await (const child of listItems(client, item.id)) {
      if (child.type !== 'folder') continue;
      yield* walkFolders(client, { ...child, path: joinPath([...splitPath(item.path), child.name]) }, levels - 1);
    }
  }
  yield item;
}

function parseDepth(text: string): number {
  const levels = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(levels)) return levels;
  throw new InvalidArgumentError('Use a whole number.');
}
