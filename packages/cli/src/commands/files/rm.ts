import { ApiError, type NodeClient } from '@partway/client/node/index';
import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { withProgressLine } from '../../output/progress-line.ts';
import { formatBytes } from '../../output/quantities.ts';
import { escapeControl } from '../../output/text.ts';
import { forEachItem } from '../../remote/each-item.ts';
import type { NamedItem } from '../../remote/globs.ts';
import { getListedItem, listItems } from '../../remote/list-items.ts';
import { addExamples } from '../examples.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';

interface RmOptions {
  recursive?: boolean;
  force?: boolean;
  dryRun?: boolean;
}

/** `partway rm` */
export function addRmCommand(program: Command): void {
  const command = program
    .command('rm')
    .argument('<remote-item...>', 'files and folders: paths from the root folder, globs, or IDs');
  command
    .description('move files and folders to the trash')
    .option('-r, --recursive', 'also remove folders that are not empty')
    .option('-f, --force', 'ignore items that do not exist')
    .option('-n, --dry-run', 'print what would be moved to the trash, and change nothing');
  addExamples(command, [
    ["partway rm --dry-run -r /photos '/backup/*.tmp' -f", 'See what a command would remove'],
    ['partway rm -r /photos', 'Move a folder with everything in it to the trash'],
  ]);
  remoteCommand(command, (call) => removeAll(call, command.opts<RmOptions>()), { mainField: 'id' });
}

async function removeAll(call: RemoteCall, options: RmOptions): Promise<void> {
  const remove = options.dryRun === true ? showRemoval : removeItem;
  await forEachItem(
    call,
    call.args,
    async (item) => {
      if (item.id === '0') throw new Failure(EXIT.usage, 'The root folder cannot be removed.');
      await remove(call, item, options);
    },
    { ignoreMissing: options.force === true, takesContents: true },
  );
}

async function removeItem({ client, print }: RemoteCall, item: NamedItem, { recursive }: RmOptions): Promise<void> {
  const { type, id, name, path } = item;
  if (type === 'file') await client.files.deleteFileById(id);
  else {
    const queryParams = { recursive: recursive === true };
    const remove = () => client.folders.deleteFolderById(id, { queryParams });
    await withProgressLine(`Removing ${escapeControl(path)}`, remove).catch((error: unknown) => {
      // The server's message names its own parameter.
      if (error instanceof ApiError && error.code === 'folder_not_empty') throw notEmptyError(item, error);
      throw error;
    });
  }
  print({ type, id, name, path, trashed: true }, `Moved ${type} ${escapeControl(path)} (${id}) to the trash.`);
}

/** Prints what `removeItem` would do, and fails if it would. */
async function showRemoval({ client, print }: RemoteCall, item: NamedItem, { recursive }: RmOptions): Promise<void> {
  const { type, id, name, path } = item;
  if (type === 'folder' && recursive !== true && !(await isEmpty(client, id))) throw notEmptyError(item);
  const { size } = await getListedItem(client, item);
  const content = type === 'file' ? formatBytes(size) : `with everything in it, ${formatBytes(size)}`;
  const text = `Would move ${type} ${escapeControl(path)} (${id}; ${content}) to the trash.`;
  print({ type, id, name, path, size, trashed: false }, text);
}

async function isEmpty(client: NodeClient, folderId: string): Promise<boolean> {
  for await (const _ of listItems(client, folderId)) return false;
  return true;
}

function notEmptyError({ path }: NamedItem, cause?: unknown): Failure {
  const advice = 'Use --recursive to move it to the trash with everything in it.';
  return new Failure(EXIT.conflict, `${escapeControl(path)} is not empty. ${advice}`, { cause });
}
