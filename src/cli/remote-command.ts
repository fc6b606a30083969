import type { Command } from 'commander';
import type { NodeClient } from '../client/node/index.ts';
import { chooseServer } from './profiles/choose-server.ts';
import { connect } from './profiles/connect.ts';
import { addServerOptions, serverChoice } from './profiles/server-options.ts';

/** What a command on a server is given. */
export interface RemoteCall {
  client: NodeClient;
  args: string[];
  /** Whether it is to print JSON, one object a line. */
  json: boolean;
}

/** Makes `command` work on a server: the one that its options, the environment or the profile in use name. */
export function onServer(command: Command, work: (call: RemoteCall) => Promise<void>): Command {
  command.option('--json', 'print one JSON object a line');
  return addServerOptions(command).action(async () => {
    using client = connect(await chooseServer(serverChoice(command)));
    await work({ client, args: command.args, json: command.opts().json === true });
  });
}
