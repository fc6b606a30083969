import { existsSync } from 'node:fs';
import { ApiError, type NodeClient } from '@partway/client/node/index';
import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { withProgressLine } from '../../output/progress-line.ts';
import { escapeControl, quoteForShell } from '../../output/text.ts';
import { type Destination, findDestination } from '../../remote/destination.ts';
import { forEachItem } from '../../remote/each-item.ts';
import { getItem } from '../../remote/find-item.ts';
import { hasGlob, type NamedItem } from '../../remote/globs.ts';
import { joinPath, splitPath } from '../../remote/paths.ts';
import { addExamples } from '../examples.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';

const SOURCE = ['<remote-item...>', 'files and folders: paths from the root folder, globs, or IDs'] as const;
const TARGET =
  'The last path is the destination: an existing folder, or the new name of a single item. Nothing is overwritten.';

/** `partway cp` */
export function addCpCommand(program: Command): void {
  const command = program.command('cp').argument(...SOURCE);
  command
    .description('copy files and folders on the server, without transferring their contents')
    .usage('[options] <remote-item...> <remote-destination>')
    .option('-r, --recursive', 'also copy folders, with everything in them')
    .addHelpText('after', `\n${TARGET}`);
  addExamples(command, [
    ['partway cp /backup/big.bin /backup/copy.bin', 'Copy a file under another name'],
    ['partway cp -r /photos /photos-copy', 'Copy a folder under another name'],
  ]);
  remoteCommand(
    command,
    (call) =>
      relocateAll(call, async ({ client, item, folder, name }) => {
        const body = { parent: { id: folder.id }, ...(name !== undefined && { name }) };
        if (item.type === 'file') return client.files.copyFile(item.id, body);
        if (command.opts().recursive !== true) {
          throw new Failure(EXIT.usage, `${escapeControl(item.path)} is a folder. Use --recursive to copy it.`);
        }
        return withProgressLine(`Copying ${escapeControl(item.path)}`, () => client.folders.copyFolder(item.id, body));
      }),
    { mainField: 'id' },
  );
}

/** `partway mv` */
export function addMvCommand(program: Command): void {
  const command = program.command('mv').argument(...SOURCE);
  command
    .description('move or rename files and folders on the server')
    .usage('[options] <remote-item...> <remote-destination>')
    .addHelpText('after', `\n${TARGET}`);
  addExamples(command, [
    ['partway mv /backup/big.bin /backup/old.bin', 'Rename a file'],
    ["partway mv '/backup/*.txt' /photos", 'Move several files into a folder'],
  ]);
  remoteCommand(
    command,
    (call) =>
      relocateAll(call, async ({ client, item, folder, name }) => {
        const body = { parent: { id: folder.id }, ...(name !== undefined && { name }) };
        return item.type === 'file'
          ? client.files.updateFileById(item.id, body)
          : client.folders.updateFolderById(item.id, body);
      }),
    { mainField: 'id' },
  );
}

interface Relocation extends Destination {
  client: NodeClient;
  item: NamedItem;
}

type Relocate = (relocation: Relocation) => Promise<{ type: string; id: string; name: string }>;

async function relocateAll(call: RemoteCall, relocate: Relocate): Promise<void> {
  const paths = [...call.args];
  const target = paths.pop();
  if (target === undefined || paths.length === 0) {
    throw new Failure(EXIT.usage, 'Name the items first, and then the destination.');
  }
  const isMultiple = paths.length > 1 || paths.some(hasGlob);
  const itselfId = isMultiple ? undefined : await findId(call.client, paths[0] ?? '');
  const destination = await findDestination(call.client, target, { isMultiple, itselfId });
  const missing = (path: string) => adviseUpload(path, target);
  await forEachItem(
    call,
    paths,
    async (item) => {
      if (item.id === '0') throw new Failure(EXIT.usage, 'The root folder cannot be copied or moved.');
      const relocated = await relocate({ client: call.client, item, ...destination }).catch((error: unknown) => {
        throw isNameTaken(error) ? nameTakenError(item, destination, error) : error;
      });
      const path = joinPath([...splitPath(destination.folderPath), relocated.name]);
      const { type, id, name } = relocated;
      call.print({ type, id, name, path, from: item.path }, `${escapeControl(item.path)} → ${escapeControl(path)}`);
    },
    { advise: missing, takesContents: true },
  );
}

/** A source that does not exist is reported later, with those that do. */
async function findId(client: NodeClient, path: string): Promise<string | undefined> {
  const item = await getItem(client, path).catch((error: unknown) => {
    if (error instanceof Failure) return undefined;
    throw error;
  });
  return item?.id;
}

/** For users of other tools, where `cp` also uploads. */
function adviseUpload(path: string, target: string): string | undefined {
  if (!existsSync(path)) return undefined;
  return `To upload the local file: partway upload ${quoteForShell(path)} --to ${quoteForShell(target)}`;
}

function isNameTaken(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'item_name_in_use';
}

function nameTakenError(item: NamedItem, { folderPath, name }: Destination, cause: unknown): Failure {
  const path = joinPath([...splitPath(folderPath), name ?? item.name]);
  const advice = 'Choose another name, or move it to the trash first (partway rm).';
  return new Failure(EXIT.conflict, `${escapeControl(path)} already exists. ${advice}`, { cause });
}
