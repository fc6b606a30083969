import type { NodeClient } from '@partway/client/node/index';
import type { Command } from 'commander';
import { printJson } from '../../output/json.ts';
import { formatBytes, formatDate } from '../../output/quantities.ts';
import type { Column } from '../../output/table.ts';
import { escapeControl } from '../../output/text.ts';
import { addExamples } from '../examples.ts';
import { type RemoteCall, remoteCommand } from '../remote-command.ts';
import { type KnownSession, listSessions, readRecords } from './list-sessions.ts';

/** `partway sessions …` */
export function addSessionsCommand(program: Command): void {
  const sessions = program.command('sessions').description('list, show and abort uploads in progress');
  addExamples(sessions, [
    ['partway sessions list', 'See which uploads are in progress'],
    ['partway sessions abort $(partway sessions list --value)', 'Abort all of them'],
  ]);
  addSessionsListCommand(sessions);
  addSessionsShowCommand(sessions);
  addSessionsAbortCommand(sessions);
}

/** `partway sessions abort` */
function addSessionsAbortCommand(sessions: Command): void {
  const command = sessions.command('abort').argument('<session...>', 'IDs from partway sessions list');
  command.description('abort uploads and delete their stored parts');
  addExamples(command, [
    ['partway sessions abort $(partway sessions list --value | head -n 1)', 'Abort the first upload of the list'],
    ['partway sessions abort $(partway sessions list --value)', 'Abort all uploads in progress'],
  ]);
  const abortAll = async ({ client, args, print }: RemoteCall) => {
    const records = await readRecords(client);
    for (const id of args) {
      // Check that it exists, because aborting an unknown session succeeds too.
      const session = await client.chunkedUploads.getFileUploadSessionById(id);
      await client.chunkedUploads.deleteFileUploadSessionById(id);
      const record = records.get(session.id);
      if (record !== undefined) await client.store?.delete(record.key);
      print({ id: session.id, aborted: true }, `Aborted ${session.id}.`);
    }
  };
  remoteCommand(command, abortAll, { mainField: 'id' });
}

/** `partway sessions list` */
function addSessionsListCommand(sessions: Command): void {
  const command = sessions.command('list').description('list uploads in progress, from any client and machine');
  addExamples(command, [
    ['partway sessions list', 'List uploads in progress'],
    ['partway sessions list --value', 'Print only their IDs'],
  ]);
  const list = async ({ client, printList }: RemoteCall) => {
    printList(await listSessions(client), { toJson, columns: COLUMNS, empty: 'There are no uploads in progress.' });
  };
  remoteCommand(command, list, { mainField: 'id' });
}

const COLUMNS: Column<KnownSession>[] = [
  { header: 'ID', cell: ({ id }) => id },
  { header: 'DONE', cell: ({ stored, totalParts }) => `${Math.floor((stored / totalParts) * 100)}%` },
  { header: 'SIZE', cell: ({ size }) => size },
  { header: 'KEPT UNTIL', cell: ({ expiresAt }) => formatDate(expiresAt) },
  { header: 'NAME', cell: ({ name }) => name ?? 'a new version' },
  { header: 'FROM', cell: ({ source }) => source ?? '-' },
];

function toJson(session: KnownSession): object {
  const { id, name, size, partSize, totalParts, stored, expiresAt, source } = session;
  return {
    id,
    file_name: name ?? null,
    file_size: size,
    part_size: partSize,
    total_parts: totalParts,
    num_parts_processed: stored,
    session_expires_at: expiresAt,
    source: source ?? null,
  };
}

const PAGE_SIZE = 1000;

/** `partway sessions show` */
function addSessionsShowCommand(sessions: Command): void {
  const command = sessions.command('show').argument('<session>', 'ID from partway sessions list');
  command.description('show an upload in progress, with a map of its parts');
  addExamples(command, [
    ['partway sessions show $(partway sessions list --value | head -n 1)', 'Show the first upload of the list'],
    ['partway sessions show $(partway sessions list --value | head -n 1) --json', 'The same, for a program'],
  ]);
  remoteCommand(command, async ({ client, args: [id = ''], json }) => {
    const session = await client.chunkedUploads.getFileUploadSessionById(id);
    const known = (await listSessions(client)).find((one) => one.id === session.id);
    const { part_size: partSize, total_parts: total } = session;
    const stored = await storedParts(client, id, partSize);
    if (json) {
      const { session_endpoints: _, ...fields } = session;
      return printJson({ ...fields, ...(known && toJson(known)), stored_parts: [...stored] });
    }
    const { lines, partsPerCell } = partMap(stored, total, {
      columns: Math.min((process.stdout.columns ?? 80) - 2, 100),
    });
    if (known !== undefined) {
      const from = known.source === undefined ? '' : `, from ${escapeControl(known.source)}`;
      console.log(`${escapeControl(known.name ?? 'A new version')}, ${formatBytes(known.size)}${from}`);
    }
    console.log(`${stored.size} of ${total} parts of ${formatBytes(partSize)} are stored; the session expires at ${session.session_expires_at}.
${lines.map((line) => `  ${line}`).join('\n')}
${partsPerCell === 1 ? 'One cell is one part' : `One cell is ${partsPerCell} parts`}: █ stored, · missing.`);
  });
}

/** Returns the indexes of the stored parts, from 0. */
async function storedParts(client: NodeClient, id: string, partSize: number): Promise<Set<number>> {
  const stored = new Set<number>();
  for (;;) {
    const queryParams = { offset: stored.size, limit: PAGE_SIZE };
    const page = await client.chunkedUploads.getFileUploadSessionParts(id, { queryParams });
    for (const { offset } of page.entries) stored.add(offset / partSize);
    if (page.entries.length === 0 || stored.size >= page.total_count) return stored;
  }
}

/** From none to all parts of a cell. */
const SHADES = ['·', '░', '▒', '▓', '█'];

/**
 * Renders a map of the stored parts, in lines of at most `columns` cells: `█` if all parts of a cell are stored, `·` if none
 * is, and shades in between. A cell is one part, or more if the map would otherwise have more than `maxLines` lines.
 */
export function partMap(
  stored: ReadonlySet<number>,
  total: number,
  { columns, maxLines = 16 }: { columns: number; maxLines?: number },
): { lines: string[]; partsPerCell: number } {
  const partsPerCell = Math.max(1, Math.ceil(total / (columns * maxLines)));
  let cells = '';
  for (let first = 0; first < total; first += partsPerCell) {
    const parts = Math.min(partsPerCell, total - first);
    let storedCount = 0;
    for (let part = first; part < first + parts; part++) if (stored.has(part)) storedCount += 1;
    cells += selectShade(storedCount / parts);
  }
  const lines: string[] = [];
  for (let from = 0; from < cells.length; from += columns) lines.push(cells.slice(from, from + columns));
  return { lines, partsPerCell };
}

/** Shares are never rounded to none or all. */
function selectShade(share: number): string {
  if (share === 0 || share === 1) return SHADES[share * (SHADES.length - 1)] ?? '';
  return SHADES[1 + Math.min(Math.floor(share * (SHADES.length - 2)), SHADES.length - 3)] ?? '';
}
