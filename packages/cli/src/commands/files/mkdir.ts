import { ApiError } from '@partway/client/node/index';
import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { escapeControl, quoteForShell } from '../../output/text.ts';
import { ensurePath } from '../../remote/ensure-folder.ts';
import { getItem } from '../../remote/find-item.ts';
import { joinPath, splitPath } from '../../remote/paths.ts';
import { addExamples } from '../examples.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';

/** `partway mkdir` */
export function addMkdirCommand(program: Command): void {
  const command = program.command('mkdir').argument('<remote-path...>', 'paths from the root folder');
  command.description('create folders on the server');
  command.option('-p, --parents', 'create parent folders too, and accept existing folders');
  addExamples(command, [
    ['partway mkdir /new', 'Create a folder in the root folder'],
    ['partway mkdir -p /a/b/c', 'Create a folder with its parents; succeeds if it exists'],
  ]);
  const createAll = async ({ client, args, print, serverFlags }: RemoteCall) => {
    const parents = command.opts().parents === true;
    for (const argument of args) {
      const names = splitPath(argument);
      const name = names.pop();
      if (name === undefined) throw new Failure(EXIT.usage, 'The root folder always exists.');
      const path = joinPath([...names, name]);
      const advice = () => `Create it too with -p: partway mkdir -p ${quoteForShell(path)}${serverFlags}`;
      const create = async () => {
        const parent = await getItem(client, joinPath(names), 'folder', advice);
        return client.folders.createFolder({ name, parent: { id: parent.id } }).catch((error: unknown) => {
          if (!(error instanceof ApiError) || error.code !== 'item_name_in_use') throw error;
          const message = `${escapeControl(path)} already exists. Use -p to accept existing folders.`;
          throw new Failure(EXIT.conflict, message, { cause: error });
        });
      };
      const created = parents ? await ensurePath(client, [...names, name]) : await create();
      print({ type: 'folder', id: created.id, name: created.name, path }, `${created.id}  ${escapeControl(path)}`);
    }
  };
  remoteCommand(command, createAll, { mainField: 'id' });
}
