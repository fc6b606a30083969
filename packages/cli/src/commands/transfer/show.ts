import type { NodeClient } from '@partway/client/node/index';
import type { Command } from 'commander';
import { printJson } from '../../output/json.ts';
import { bytesText } from '../../output/quantities.ts';
import { shownText } from '../../output/text.ts';
import { onServer } from '../remote-command.ts';
import { knownSessions } from './known-sessions.ts';
import { jsonOf } from './list.ts';
import { partMap } from './part-map.ts';

const PAGE = 1000;

/** `partway sessions show` */
export function addSessionsShowCommand(sessions: Command): void {
  const command = sessions.command('show').argument('<session>', 'its id in partway sessions list');
  command.description('show an upload under way, with a map of its parts');
  onServer(command, async ({ client, args: [id = ''], json }) => {
    const session = await client.chunkedUploads.getFileUploadSessionById(id);
    const known = (await knownSessions(client)).find((one) => one.id === session.id);
    const { part_size: partSize, total_parts: total } = session;
    const stored = await storedParts(client, id, partSize);
    if (json) {
      const { session_endpoints: _, ...fields } = session;
      return printJson({ ...fields, ...(known && jsonOf(known)), stored_parts: [...stored] });
    }
    const { lines, partsPerCell } = partMap(stored, total, {
      columns: Math.min((process.stdout.columns ?? 80) - 2, 100),
    });
    if (known !== undefined) {
      const from = known.source === undefined ? '' : `, from ${shownText(known.source)}`;
      console.log(`${shownText(known.name ?? 'A new version')}, ${bytesText(known.size)}${from}`);
    }
    console.log(`${stored.size} of ${total} parts of ${bytesText(partSize)} are stored; it ends at ${session.session_expires_at}.
${lines.map((line) => `  ${line}`).join('\n')}
${partsPerCell === 1 ? 'One cell is one part' : `One cell is ${partsPerCell} parts`}: █ stored, · missing.`);
  });
}

/** The numbers of the stored parts, from 0. */
async function storedParts(client: NodeClient, id: string, partSize: number): Promise<Set<number>> {
  const stored = new Set<number>();
  for (;;) {
    const queryParams = { offset: stored.size, limit: PAGE };
    const page = await client.chunkedUploads.getFileUploadSessionParts(id, { queryParams });
    for (const { offset } of page.entries) stored.add(offset / partSize);
    if (page.entries.length === 0 || stored.size >= page.total_count) return stored;
  }
}
