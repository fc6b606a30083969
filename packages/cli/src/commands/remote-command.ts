import type { NodeClient } from '@partway/client/node/index';
import type { Command } from 'commander';
import { quoteForShell } from '../output/text.ts';
import { chooseServer } from '../profiles/choose-server.ts';
import { connect } from '../profiles/connect.ts';
import { addServerOptions, type ServerChoice, serverChoice } from '../profiles/server-options.ts';
import { RetryNotices } from '../remote/retry-notices.ts';

/** What a command on a server is given. */
export interface RemoteCall {
  client: NodeClient;
  args: string[];
  /** Whether it is to print JSON, one object a line. */
  json: boolean;
  /** The options that said which server, for another command that is shown: empty, or such as " --profile work". */
  sameServer: string;
  /** Where it is said that the command waits for the server. */
  notices: RetryNotices;
}

/** Makes `command` work on a server: the one that its options, the environment or the profile in use name. */
export function remoteCommand(command: Command, work: (call: RemoteCall) => Promise<void>): Command {
  command.option('--json', 'print one JSON object a line');
  return addServerOptions(command).action(async () => {
    const notices = new RetryNotices();
    using client = connect(await chooseServer(serverChoice(command)), notices.onRetry);
    const json = command.opts().json === true;
    await work({ client, args: command.args, json, sameServer: sameServer(command), notices });
  });
}

function sameServer(command: Command): string {
  const { profile, server } = command.opts<ServerChoice>();
  const given = Object.entries({ profile, server }).filter(([, value]) => value !== undefined);
  return given.map(([name, value]) => ` --${name} ${quoteForShell(value ?? '')}`).join('');
}
