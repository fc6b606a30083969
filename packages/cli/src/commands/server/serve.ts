import { readConfig } from '@partway/server/config/config';
import type { RunningServer } from '@partway/server/server';
import type { Command } from 'commander';
import { addExamples } from '../examples.ts';
import { addSettings, readSettings } from '../settings-options.ts';

/** `partway serve`: runs until SIGTERM or SIGINT. */
export function addServeCommand(program: Command): void {
  const command = program.command('serve').description('run the server');
  addExamples(command, [
    ['partway serve', 'Run a server on 127.0.0.1:4400, with its data in ./data'],
    [
      'partway serve --data ./example-data --listen 127.0.0.1:4500 --user-quota 50GB',
      'Run another one, on which users store at most 50 GB',
    ],
  ]);
  addSettings(command);
  command.action(async () => {
    const config = readConfig(readSettings(command));
    // Loaded lazily, so that other commands do not load the whole server.
    const { startServer } = await import('@partway/server/server');
    const server = await startServer(config);
    // Before the greeting: a process that waits for it may send a signal immediately.
    stopOnSignal(server);
    printGreeting(server, config.token === undefined);
  });
}

/** A configured token is not printed: its owner knows it, and the output of services is often collected. */
function printGreeting({ url, dataFolder, developerToken, hashing }: RunningServer, isGenerated: boolean): void {
  console.log(`Partway is listening on ${url}
  data             ${dataFolder}
  developer token  ${isGenerated ? developerToken : 'as configured'}
  hashing          ${hashing}

Try it:
  curl -H 'Authorization: Bearer ${isGenerated ? developerToken : '…'}' ${url}/2.0/users/me
`);
}

function stopOnSignal(server: RunningServer): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(130);
      stopping = true;
      console.log(
        'Partway is stopping after uploads in progress. Stop it again to end immediately (no acknowledged data is lost).',
      );
      server.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
    });
  }
}
