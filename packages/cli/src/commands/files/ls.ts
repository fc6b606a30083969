import type { Command } from 'commander';
import { printJson } from '../../output/json.ts';
import { formatBytes } from '../../output/quantities.ts';
import { escapeControl } from '../../output/text.ts';
import { getItem } from '../../remote/find-item.ts';
import { type ListedItem, listItems } from '../../remote/list-items.ts';
import { remoteCommand } from '../remote-command.ts';

/** `partway ls` */
export function addLsCommand(program: Command): void {
  const command = program.command('ls').argument('[remote-folder]', 'path from the root folder, or ID', '/');
  command.description('list a folder on the server');
  remoteCommand(command, async ({ client, args: [path = '/'], json }) => {
    const folder = await getItem(client, path, 'folder');
    for await (const item of listItems(client, folder.id)) {
      if (json) printJson(toJson(item));
      else console.log(renderItem(item));
    }
  });
}

function renderItem({ type, id, name, size, modifiedAt }: ListedItem): string {
  const date = modifiedAt.slice(0, 16).replace('T', ' ');
  const slash = type === 'folder' ? '/' : '';
  return `${id.padStart(13)}  ${formatBytes(size).padStart(9)}  ${date.padEnd(16)}  ${escapeControl(name)}${slash}`;
}

function toJson({ type, id, name, size, modifiedAt, sha1 }: ListedItem): object {
  return { type, id, name, size, modified_at: modifiedAt, ...(sha1 !== undefined && { sha1 }) };
}
