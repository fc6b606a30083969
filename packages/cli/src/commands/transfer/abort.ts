import type { Command } from 'commander';
import { printJson } from '../../output/json.ts';
import { onServer } from '../remote-command.ts';
import { ownRecords } from './known-sessions.ts';

/** `partway sessions abort` */
export function addSessionsAbortCommand(sessions: Command): void {
  const command = sessions.command('abort').argument('<session...>', 'ids in partway sessions list');
  command.description('give uploads up: what the server has stored of them goes');
  onServer(command, async ({ client, args, json }) => {
    const records = await ownRecords(client);
    for (const id of args) {
      // Asked first: an abort of one that is not there is answered as if it had been.
      const session = await client.chunkedUploads.getFileUploadSessionById(id);
      await client.chunkedUploads.deleteFileUploadSessionById(id);
      const record = records.get(session.id);
      if (record !== undefined) await client.store?.delete(record.key);
      if (json) printJson({ id: session.id, aborted: true });
      else console.log(`${session.id} is given up.`);
    }
  });
}
