import { ApiError } from '@partway/client/node/index';
import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { printJson } from '../../output/json.ts';
import { escapeControl } from '../../output/text.ts';
import { getItem } from '../../remote/find-item.ts';
import { remoteCommand } from '../remote-command.ts';

/** `partway rm` */
export function addRmCommand(program: Command): void {
  const command = program.command('rm').argument('<remote-item...>', 'paths from the root folder, or ids');
  command.description('move files and folders to the trash');
  command.option('-r, --recursive', 'folders with all that is in them');
  remoteCommand(command, async ({ client, args, json }) => {
    const recursive = command.opts().recursive === true;
    for (const place of args) {
      const { type, id, name } = await getItem(client, place);
      if (id === '0') throw new Failure(EXIT.usage, 'The root folder stays.');
      if (type === 'file') await client.files.deleteFileById(id);
      else await client.folders.deleteFolderById(id, { queryParams: { recursive } }).catch(unlessFull(place));
      if (json) printJson({ type, id, name, trashed: true });
      else console.log(`${type} ${escapeControl(name)} (${id}) is in the trash.`);
    }
  });
}

/** Says it in this command's words: the server's name its own parameter. */
function unlessFull(place: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof ApiError) || error.code !== 'folder_not_empty') throw error;
    const message = `${escapeControl(place)} is not empty. With --recursive it goes to the trash with all that is in it.`;
    throw new Failure(EXIT.conflict, message, { cause: error });
  };
}
