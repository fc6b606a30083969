import type { Command } from 'commander';
import { printJson } from '../../output/json.ts';
import { bytesText } from '../../output/quantities.ts';
import { shownText } from '../../output/text.ts';
import { onServer } from '../remote-command.ts';
import { type KnownSession, knownSessions } from './known-sessions.ts';

/** `partway sessions list` */
export function addSessionsListCommand(sessions: Command): void {
  const command = sessions.command('list').description('list uploads under way, whoever began them, wherever');
  onServer(command, async ({ client, json }) => {
    const known = await knownSessions(client);
    if (json) known.map(jsonOf).forEach(printJson);
    else if (known.length === 0) console.log('No upload is under way.');
    else for (const session of known) console.log(lineOf(session));
  });
}

function lineOf({ id, name, size, totalParts, stored, expiresAt, source }: KnownSession): string {
  const share = `${Math.floor((stored / totalParts) * 100)}%`.padStart(4);
  const until = expiresAt.slice(0, 16).replace('T', ' ');
  const from = source === undefined ? '' : `  from ${shownText(source)}`;
  return `${id}  ${share} of ${bytesText(size).padStart(8)}  until ${until}  ${shownText(name ?? 'a new version')}${from}`;
}

/** A session for programs. */
export function jsonOf(session: KnownSession): object {
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
