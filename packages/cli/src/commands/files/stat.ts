import type { FileObject, NodeClient } from '@partway/client/node/index';
import type { Command } from 'commander';
import { formatBytes } from '../../output/quantities.ts';
import { escapeControl } from '../../output/text.ts';
import { forEachItem } from '../../remote/each-item.ts';
import type { NamedItem } from '../../remote/globs.ts';
import { joinPath } from '../../remote/paths.ts';
import { addExamples } from '../examples.ts';
import { remoteCommand } from '../remote-command.ts';

/** `partway stat` */
export function addStatCommand(program: Command): void {
  const command = program
    .command('stat')
    .argument('<remote-item...>', 'files and folders: paths from the root folder, globs, or IDs');
  command.description('show all details of files and folders');
  addExamples(command, [
    ['partway stat /backup/big.bin', 'Show the size, SHA-1, dates and owner of a file'],
    ['partway stat /backup/big.bin --value sha1', 'Print only its SHA-1'],
  ]);
  remoteCommand(
    command,
    async (call) => {
      let isFirst = true;
      await forEachItem(call, call.args, async (item) => {
        const details = await getDetails(call.client, item);
        call.print(details, `${isFirst ? '' : '\n'}${renderDetails(details)}`);
        isFirst = false;
      });
    },
    { mainField: 'id' },
  );
}

type Details = Awaited<ReturnType<typeof getDetails>>;

async function getDetails(client: NodeClient, { type, id }: NamedItem) {
  const item = await (type === 'file' ? client.files.getFileById(id) : client.folders.getFolderById(id));
  const folders = item.path_collection?.entries ?? [];
  // The first entry is the root folder, which has no name in a path.
  const path = id === '0' ? '/' : joinPath([...folders.slice(1).map(({ name }) => name), item.name]);
  const { name, size, description, created_at, modified_at, content_modified_at, owned_by } = item;
  return {
    type,
    id,
    name,
    path,
    size,
    ...(item.type === 'file' && fileDetails(item)),
    description,
    created_at,
    modified_at,
    content_modified_at,
    owned_by,
    item_status: item.item_status,
    trashed_at: item.trashed_at,
    purged_at: item.purged_at,
  };
}

function fileDetails({ sha1, etag, file_version: version }: FileObject) {
  return { sha1, etag, file_version: version };
}

function renderDetails(details: Details): string {
  const { type, id, path, size, description, owned_by: owner } = details;
  const rows: [name: string, value: string | null | undefined][] = [
    ['path', path],
    ['type', type],
    ['ID', id],
    ['size', `${formatBytes(size)} (${size.toLocaleString('en-US')} bytes)`],
    ['SHA-1', 'sha1' in details ? details.sha1 : undefined],
    ['version', 'file_version' in details ? details.file_version?.id : undefined],
    ['description', description],
    ['created', details.created_at],
    ['modified', details.modified_at],
    ['content from', details.content_modified_at],
    ['owner', owner && `${owner.name} <${owner.login}>`],
    ['trashed', details.trashed_at],
    ['purged', details.purged_at],
  ];
  const shown = rows.filter(([, value]) => value != null && value !== '');
  return shown.map(([name, value]) => `${name.padEnd(12)}  ${escapeControl(value ?? '')}`).join('\n');
}
