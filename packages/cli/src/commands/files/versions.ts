import type { FileVersionObject, NodeClient } from '@partway/client/node/index';
import type { Command } from 'commander';
import { EXIT, Failure } from '../../exit-codes.ts';
import { formatDate } from '../../output/quantities.ts';
import type { Column } from '../../output/table.ts';
import { escapeControl } from '../../output/text.ts';
import { getItem } from '../../remote/find-item.ts';
import { addExamples } from '../examples.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';
import { downloadAll } from '../transfer/download.ts';

const FILE = ['<remote-file>', 'path from the root folder, or ID'] as const;
const VERSION_HELP = 'ID from partway versions list';
const OLDEST = '$(partway versions list /backup/notes.txt --value | tail -n 1)';

/** `partway versions …` */
export function addVersionsCommand(program: Command): void {
  const versions = program
    .command('versions')
    .description('list, download, promote, delete and restore versions of a file');
  addExamples(versions, [
    ['partway versions list /backup/notes.txt', 'List the versions of a file'],
    [`partway versions promote /backup/notes.txt ${OLDEST}`, 'Make the oldest version the current one'],
  ]);
  addVersionsListCommand(versions);
  addVersionsDownloadCommand(versions);
  addVersionsPromoteCommand(versions);
  addVersionsDeleteCommand(versions);
  addVersionsRestoreCommand(versions);
}

interface KnownVersion extends Pick<FileVersionObject, 'id' | 'size' | 'sha1' | 'modified_at'> {
  current: boolean;
  /** RFC 3339; null unless it is in the trash. */
  trashed_at: string | null;
}

/** `partway versions list` */
function addVersionsListCommand(versions: Command): void {
  const command = versions.command('list').argument(...FILE);
  command.description('list the versions of a file, newest first, including those in the trash');
  addExamples(command, [
    ['partway versions list /backup/notes.txt', 'List the versions of a file'],
    ['partway versions list /backup/notes.txt --value sha1', 'Print the SHA-1 of each version'],
  ]);
  const list = async ({ client, args: [path = ''], printList }: RemoteCall) => {
    const { id } = await getItem(client, path, 'file');
    const toJson = (version: KnownVersion) => version;
    printList(await listVersions(client, id), { toJson, columns: COLUMNS, empty: '' });
  };
  remoteCommand(command, list, { mainField: 'id' });
}

const COLUMNS: Column<KnownVersion>[] = [
  { header: 'ID', cell: ({ id }) => id },
  { header: 'SIZE', cell: ({ size }) => size },
  { header: 'MODIFIED', cell: ({ modified_at: at }) => formatDate(at) },
  { header: 'SHA-1', cell: ({ sha1 }) => sha1 },
  {
    header: 'STATE',
    cell: ({ current, trashed_at: at }) => (current ? 'current' : at === null ? '-' : 'in the trash'),
  },
];

const PAGE_SIZE = 1000;

/** Lists the current version and all earlier ones, newest first. */
async function listVersions(client: NodeClient, fileId: string): Promise<KnownVersion[]> {
  const fields = ['size', 'sha1', 'modified_at', 'file_version'] as const;
  const file = await client.files.getFileById(fileId, { queryParams: { fields } });
  const { size, sha1, modified_at: modifiedAt } = file;
  const current = { id: file.file_version.id, size, sha1, modified_at: modifiedAt ?? '' };
  const known: KnownVersion[] = [{ ...current, current: true, trashed_at: null }];
  for (let offset = 0; ; ) {
    const page = await client.fileVersions.getFileVersions(fileId, { queryParams: { offset, limit: PAGE_SIZE } });
    for (const { id, size, sha1, modified_at, trashed_at } of page.entries) {
      known.push({ id, size, sha1, modified_at, current: false, trashed_at });
    }
    offset += page.entries.length;
    if (page.entries.length === 0 || offset >= (page.total_count ?? 0)) return known;
  }
}

/** `partway versions download` */
function addVersionsDownloadCommand(versions: Command): void {
  const command = versions.command('download').argument(...FILE);
  command
    .argument('<version>', VERSION_HELP)
    .description('download a version of a file')
    .option('--to <path>', 'local folder, local name of the file, or - for stdout (default: the current folder)')
    .option('--force', 'overwrite an existing file that differs');
  addExamples(command, [
    [`partway versions download /backup/notes.txt ${OLDEST} --to notes-old.txt`, 'Download the oldest version'],
    [`partway versions download /backup/notes.txt ${OLDEST} --to - | sha1sum`, 'Pass it to another program'],
  ]);
  remoteCommand(command, (call) => {
    const [path = '', fileVersion = ''] = call.args;
    return downloadAll({ ...call, args: [path] }, { ...command.opts(), fileVersion });
  });
}

/** `partway versions promote` */
function addVersionsPromoteCommand(versions: Command): void {
  const command = versions.command('promote').argument(...FILE);
  command
    .argument('<version>', VERSION_HELP)
    .description('make a copy of an earlier version the current one; no version is lost');
  addExamples(command, [
    [`partway versions promote /backup/notes.txt ${OLDEST}`, 'Go back to the oldest version'],
    [`partway versions promote /backup/notes.txt ${OLDEST} --json`, 'The same, for a program'],
  ]);
  const promote = async ({ client, args: [path = '', version = ''], print }: RemoteCall) => {
    const { id } = await getItem(client, path, 'file');
    const promoted = await client.fileVersions.promoteFileVersion(id, { id: version, type: 'file_version' });
    const text = `Version ${escapeControl(version)} of ${escapeControl(path)} is current again, as version ${promoted.id}.`;
    print({ id: promoted.id, promoted: version, file_id: id }, text);
  };
  remoteCommand(command, promote, { mainField: 'id' });
}

/** `partway versions delete` */
function addVersionsDeleteCommand(versions: Command): void {
  const command = versions.command('delete').argument(...FILE);
  command.argument('<version...>', VERSION_HELP).description('move versions of a file to the trash');
  addExamples(command, [
    [`partway versions delete /backup/notes.txt ${OLDEST}`, 'Delete the oldest version'],
    [`partway versions delete /backup/notes.txt ${OLDEST} --json`, 'The same, for a program'],
  ]);
  const remove = async ({ client, args: [path = '', ...ids], print }: RemoteCall) => {
    const { id: fileId } = await getItem(client, path, 'file');
    const { file_version: current } = await client.files.getFileById(fileId);
    if (ids.includes(current.id)) {
      const advice = 'Promote another version first, or remove the file: partway rm.';
      throw new Failure(EXIT.usage, `Version ${current.id} is the current version. ${advice}`);
    }
    for (const id of ids) {
      await client.fileVersions.deleteFileVersionById(fileId, id);
      print({ id, file_id: fileId, trashed: true }, `Moved version ${escapeControl(id)} to the trash.`);
    }
  };
  remoteCommand(command, remove, { mainField: 'id' });
}

/** `partway versions restore` */
function addVersionsRestoreCommand(versions: Command): void {
  const command = versions.command('restore').argument(...FILE);
  command.argument('<version...>', VERSION_HELP).description('restore versions of a file from the trash');
  const deleteOldest = `partway versions delete /backup/notes.txt ${OLDEST}`;
  addExamples(command, [
    [`${deleteOldest} && partway versions restore /backup/notes.txt ${OLDEST}`, 'Delete a version, and restore it'],
    [`${deleteOldest} && partway versions restore /backup/notes.txt ${OLDEST} --json`, 'The same, for a program'],
  ]);
  const restore = async ({ client, args: [path = '', ...ids], print }: RemoteCall) => {
    const { id: fileId } = await getItem(client, path, 'file');
    for (const id of ids) {
      await client.fileVersions.updateFileVersionById(fileId, id, { trashed_at: null });
      print({ id, file_id: fileId, restored: true }, `Restored version ${escapeControl(id)} from the trash.`);
    }
  };
  remoteCommand(command, restore, { mainField: 'id' });
}
