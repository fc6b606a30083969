import { ApiError } from '@partway/client/node/index';
import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { printJson } from '../../output/json.ts';
import { escapeControl } from '../../output/text.ts';
import { getItem } from '../../remote/find-item.ts';
import { remoteCommand } from '../remote-command.ts';

/** `partway rm` */
export function addRmCommand(program: Command): void {
  const command = program.command('rm').argument('<remote-item...>', 'paths from the root folder, or IDs');
  command.description('move files and folders to the trash');
  command.option('-r, --recursive', 'also remove folders that are not empty');
  remoteCommand(command, async ({ client, args, json }) => {
    const recursive = command.opts().recursive === true;
    for (const path of args) {
      const { type, id, name } = await getItem(client, path);
      if (id === '0') throw new Failure(EXIT.usage, 'The root folder cannot be removed.');
      if (type === 'file') await client.files.deleteFileById(id);
      else await client.folders.deleteFolderById(id, { queryParams: { recursive } }).catch(explainNotEmpty(path));
      if (json) printJson({ type, id, name, trashed: true });
      else console.log(`Moved ${type} ${escapeControl(name)} (${id}) to the trash.`);
    }
  });
}

/** Names the option of this command; the server's message names its own parameter. */
function explainNotEmpty(path: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof ApiError) || error.code !== 'folder_not_empty') throw error;
    const message = `${escapeControl(path)} is not empty. Use --recursive to move it to the trash with everything in it.`;
    throw new Failure(EXIT.conflict, message, { cause: error });
  };
}
