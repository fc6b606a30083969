import { ApiError } from '@partway/client/node/index';
import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { printJson } from '../../output/json.ts';
import { escapeControl, quoteForShell } from '../../output/text.ts';
import { ensureFolder } from '../../remote/ensure-folder.ts';
import { getItem, ROOT } from '../../remote/find-item.ts';
import { splitPath } from '../../remote/paths.ts';
import { remoteCommand } from '../remote-command.ts';

/** `partway mkdir` */
export function addMkdirCommand(program: Command): void {
  const command = program.command('mkdir').argument('<remote-path...>', 'from the root folder');
  command.description('make folders on the server');
  command.option('-p, --parents', 'make the folders above it too, and take one that is there already');
  remoteCommand(command, async ({ client, args, json, sameServer }) => {
    const parents = command.opts().parents === true;
    for (const path of args) {
      const names = splitPath(path);
      const name = names.pop();
      if (name === undefined) throw new Failure(EXIT.usage, 'The root folder is always there.');
      const withParents = () =>
        `With -p it is made on the way: partway mkdir -p ${quoteForShell(`/${[...names, name].join('/')}`)}${sameServer}`;
      let folder = parents ? ROOT : await getItem(client, `/${names.join('/')}`, 'folder', withParents);
      if (parents) for (const above of names) folder = await ensureFolder(client, folder.id, above);
      const made = parents
        ? await ensureFolder(client, folder.id, name)
        : await client.folders.createFolder({ name, parent: { id: folder.id } }).catch((error: unknown) => {
            if (!(error instanceof ApiError) || error.code !== 'item_name_in_use') throw error;
            const message = `${escapeControl(`/${[...names, name].join('/')}`)} is there already. With -p a folder that is there is enough.`;
            throw new Failure(EXIT.conflict, message, { cause: error });
          });
      if (json) printJson({ type: 'folder', id: made.id, name: made.name });
      else console.log(`${made.id}  ${escapeControl(`/${[...names, name].join('/')}`)}`);
    }
  });
}
