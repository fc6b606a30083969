import { readConfig } from '@partway/server/config/config';
import type { RunningServer } from '@partway/server/server';
import type { Command } from 'commander';
import { addSettings, givenSettings } from '../settings-options.ts';

/** `partway serve`: runs until SIGTERM or SIGINT. */
export function addServeCommand(program: Command): void {
  const command = program.command('serve').description('run the server');
  addSettings(command);
  command.action(async () => {
    const config = readConfig(givenSettings(command));
    // Only now: the whole server would be loaded for every other command too.
    const { startServer } = await import('@partway/server/server');
    const server = await startServer(config);
    // Before the greeting: whoever waits for that may send a signal at once.
    stopOnSignal(server);
    greet(server, config.token === undefined);
  });
}

/** A token that was set is known to whoever set it, and stays out of what collects the output of services. */
function greet({ url, dataFolder, developerToken }: RunningServer, isNews: boolean): void {
  console.log(`Partway is listening on ${url}
  data             ${dataFolder}
  developer token  ${isNews ? developerToken : 'as set'}

Try it:
  curl -H 'Authorization: Bearer ${isNews ? developerToken : '…'}' ${url}/2.0/users/me
`);
}

function stopOnSignal(server: RunningServer): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(130);
      stopping = true;
      console.log(
        'Partway is stopping: uploads under way may end. Again to stop at once (nothing acknowledged is lost).',
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
