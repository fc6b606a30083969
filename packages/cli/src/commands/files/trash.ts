import { ApiError } from '@partway/client/node/index';
import { parseDuration } from '@partway/server/config/parse';
import { type Command, InvalidArgumentError } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { withProgressLine } from '../../output/progress-line.ts';
import { formatBytes, formatCount, formatDate } from '../../output/quantities.ts';
import type { Column } from '../../output/table.ts';
import { escapeControl } from '../../output/text.ts';
import { getItem } from '../../remote/find-item.ts';
import { getTrashedItems, listTrash, type TrashedItem } from '../../remote/list-trash.ts';
import { addExamples } from '../examples.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';

const ITEM_HELP = 'IDs, or names that only one item in the trash has';

/** `partway trash …` */
export function addTrashCommand(program: Command): void {
  const trash = program.command('trash').description('list, restore and permanently delete what is in the trash');
  addExamples(trash, [
    ['partway trash list', 'See what is in the trash, and until when it is kept'],
    ['partway trash empty --older-than 7d', 'Free the space of what was deleted more than a week ago'],
  ]);
  addTrashListCommand(trash);
  addTrashRestoreCommand(trash);
  addTrashEmptyCommand(trash);
}

/** `partway trash list` */
function addTrashListCommand(trash: Command): void {
  const command = trash.command('list').description('list the items in the trash, and when they will be deleted');
  addExamples(command, [
    ['partway trash list', 'List all items'],
    ['partway trash list --json', 'List them for a program'],
  ]);
  const list = async ({ client, printList }: RemoteCall) => {
    const items: TrashedItem[] = [];
    for await (const item of listTrash(client)) items.push(item);
    printList(items, { toJson, columns: COLUMNS, empty: 'The trash is empty.' });
  };
  remoteCommand(command, list, { mainField: 'id' });
}

const COLUMNS: Column<TrashedItem>[] = [
  { header: 'ID', cell: ({ id }) => id },
  { header: 'TYPE', cell: ({ type }) => type },
  { header: 'SIZE', cell: ({ size }) => size },
  { header: 'DELETED', cell: ({ trashedAt }) => formatDate(trashedAt) },
  { header: 'KEPT UNTIL', cell: ({ purgedAt }) => formatDate(purgedAt) },
  { header: 'NAME', cell: ({ name }) => name },
];

function toJson({ type, id, name, size, trashedAt, purgedAt }: TrashedItem): object {
  return { type, id, name, size, trashed_at: trashedAt, purged_at: purgedAt };
}

/** `partway trash restore` */
function addTrashRestoreCommand(trash: Command): void {
  const command = trash.command('restore').argument('<item...>', ITEM_HELP);
  command
    .description('restore items from the trash to their folder')
    .option('--to <remote-folder>', 'restore into this folder: path from the root folder, or ID')
    .option('--name <name>', 'restore a single item under another name');
  addExamples(command, [
    ['partway trash restore old.bin', 'Restore a file to the folder from which it was deleted'],
    [
      'partway trash restore photos-2025 --to /backup --name restored',
      'Restore a folder elsewhere, under another name',
    ],
  ]);
  const restore = async ({ client, args, print }: RemoteCall) => {
    const { to, name } = command.opts<{ to?: string; name?: string }>();
    if (name !== undefined && args.length > 1) {
      throw new Failure(EXIT.usage, '--name can only be used with a single item.');
    }
    const folder = to === undefined ? undefined : await getItem(client, to, 'folder');
    for (const { type, id, name: trashedName } of await getTrashedItems(client, args)) {
      const body = { ...(name !== undefined && { name }), ...(folder && { parent: { id: folder.id } }) };
      const restored = await (type === 'file'
        ? client.trashedFiles.restoreFileFromTrash(id, body)
        : client.trashedFolders.restoreFolderFromTrash(id, body)
      ).catch(explainRestore(trashedName));
      const where = restored.parent === null || restored.parent.id === '0' ? '/' : restored.parent.name;
      print(
        { type, id, name: restored.name, restored: true },
        `Restored ${type} ${escapeControl(restored.name)} (${id}) to the folder ${escapeControl(where)}.`,
      );
    }
  };
  remoteCommand(command, restore, { mainField: 'id' });
}

function explainRestore(name: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof ApiError) || error.code !== 'item_name_in_use') throw error;
    const message = `${escapeControl(name)} cannot be restored: its folder has another item with this name.`;
    throw new Failure(EXIT.conflict, `${message} Choose another name with --name, or another folder with --to.`, {
      cause: error,
    });
  };
}

/** `partway trash empty` */
function addTrashEmptyCommand(trash: Command): void {
  const command = trash.command('empty').argument('[item...]', `${ITEM_HELP} (default: all items)`);
  command
    .description('permanently delete what is in the trash; this cannot be undone')
    .option('--older-than <time>', 'only what was deleted longer ago than this, such as 12h or 30d', parseAge)
    .option('-n, --dry-run', 'print what would be deleted, and change nothing');
  addExamples(command, [
    ['partway trash empty --dry-run', 'See what would be deleted, and how much space that frees'],
    ['partway trash empty', 'Delete everything in the trash'],
  ]);
  const empty = (call: RemoteCall) => emptyTrash(call, command.opts<EmptyOptions>());
  remoteCommand(command, empty, { mainField: 'id' });
}

interface EmptyOptions {
  olderThan?: number;
  dryRun?: boolean;
}

async function emptyTrash({ client, args, json, field, print }: RemoteCall, options: EmptyOptions): Promise<void> {
  const { olderThan = 0, dryRun = false } = options;
  // Nothing is deleted before all names are known.
  const all = args.length === 0 ? listTrash(client) : await getTrashedItems(client, args);
  let count = 0;
  let bytes = 0;
  for await (const item of all) {
    const { type, id, name, size, trashedAt } = item;
    if (olderThan > 0 && !(Date.parse(trashedAt ?? '') < Date.now() - olderThan)) continue;
    if (!dryRun && type === 'file') await client.trashedFiles.deleteTrashedFileById(id);
    else if (!dryRun) {
      const remove = () => client.trashedFolders.deleteTrashedFolderById(id);
      await withProgressLine(`Deleting ${escapeControl(name)}`, remove);
    }
    count += 1;
    bytes += size;
    const text = `${dryRun ? 'Would delete' : 'Deleted'} ${type} ${escapeControl(name)} (${escapeControl(id)}, ${formatBytes(size)}).`;
    print({ type, id, name, size, deleted: !dryRun }, text);
  }
  if (json || field !== undefined) return;
  const items = count === 1 ? '1 item' : `${formatCount(count)} items`;
  if (count === 0) console.log('There is nothing to delete.');
  else console.log(`${dryRun ? 'Would delete' : 'Deleted'} ${items}, ${formatBytes(bytes)} in total.`);
}

function parseAge(text: string): number {
  const millis = parseDuration(text);
  if (millis !== undefined) return millis;
  throw new InvalidArgumentError('Use a time such as 12h or 30d.');
}
