import type { Command } from 'commander';
import { formatBytes, formatDate } from '../../output/quantities.ts';
import { escapeControl } from '../../output/text.ts';
import { forEachItem } from '../../remote/each-item.ts';
import { hasGlob } from '../../remote/globs.ts';
import { getListedItem, type ListedItem } from '../../remote/list-items.ts';
import { joinPath, splitPath } from '../../remote/paths.ts';
import { walkFolder } from '../../remote/walk-folder.ts';
import { addExamples } from '../examples.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';

interface LsOptions {
  long?: boolean;
  recursive?: boolean;
  humanReadable?: boolean;
}

/** `partway ls` */
export function addLsCommand(program: Command): void {
  const command = program
    .command('ls')
    .argument('[remote-path...]', 'folders or files: paths from the root folder, globs, or IDs (default: /)');
  command
    .description('list folders and files on the server')
    // -h is --human-readable, as everywhere.
    .helpOption('--help', 'display help for command')
    .option('-l, --long', 'also show ID, size and modification time')
    .option('-R, --recursive', 'list everything below, with the path from the folder')
    .option('-h, --human-readable', 'show sizes such as 1.5 GiB instead of bytes');
  addExamples(command, [
    ['partway ls -lh /backup', 'List a folder with scaled sizes'],
    ["partway ls -R '/photos/**/*.jpg'", 'List all pictures below a folder'],
  ]);
  const list = (call: RemoteCall) => listAll(call, command.opts<LsOptions>());
  remoteCommand(command, list, { mainField: 'id' });
}

async function listAll(call: RemoteCall, options: LsOptions): Promise<void> {
  const paths = call.args.length === 0 ? ['/'] : call.args;
  const isMultiple = paths.length > 1 || paths.some(hasGlob);
  await forEachItem(call, paths, async (item) => {
    if (item.type === 'file') return printItem(call, await getListedItem(call.client, item), item.path, options);
    // With several folders, the names alone would not say where the items are.
    const prefix = isMultiple ? joinPath([...splitPath(item.path), '']) : '';
    const enters = () => options.recursive === true;
    for await (const found of walkFolder(call.client, item.id, { prefix, enters })) {
      printItem(call, found.item, found.path, options);
    }
  });
}

function printItem({ print }: RemoteCall, item: ListedItem, path: string, options: LsOptions): void {
  print(toJson(item, path), options.long === true ? renderLong(item, path, options) : renderName(item, path));
}

function renderLong(item: ListedItem, path: string, { humanReadable }: LsOptions): string {
  const size = humanReadable === true ? formatBytes(item.size).padStart(9) : String(item.size).padStart(15);
  const date = formatDate(item.modifiedAt);
  return `${escapeControl(item.id).padStart(13)}  ${size}  ${escapeControl(date).padEnd(16)}  ${renderName(item, path)}`;
}

function renderName({ type }: ListedItem, path: string): string {
  return `${escapeControl(path)}${type === 'folder' && !path.endsWith('/') ? '/' : ''}`;
}

function toJson({ type, id, name, size, modifiedAt, sha1 }: ListedItem, path: string): object {
  return { type, id, name, path, size, modified_at: modifiedAt, ...(sha1 !== undefined && { sha1 }) };
}
