import type { Command } from 'commander';
import { EXIT, Failure } from '../exit-codes.ts';

/** What says which server a command is for: one of the two, or neither. */
export interface ServerChoice {
  profile?: string | undefined;
  server?: string | undefined;
}

/** Adds the options that say which server a command is for. */
export function addServerOptions(command: Command): Command {
  return command
    .option('--profile <name>', 'which server, by its profile (or PARTWAY_PROFILE)')
    .option('--server <url>', 'which server, by its address (or PARTWAY_SERVER), with PARTWAY_TOKEN or its profile');
}

/** What was said: flags before the environment. */
export function serverChoice(command: Command, env: NodeJS.ProcessEnv = process.env): ServerChoice {
  const { profile, server } = command.opts<ServerChoice>();
  if (profile !== undefined && server !== undefined) {
    throw new Failure(EXIT.usage, '--profile names a server already; give --profile or --server, not both.');
  }
  if (profile !== undefined || server !== undefined) return { profile, server };
  if (env.PARTWAY_PROFILE) return { profile: env.PARTWAY_PROFILE };
  return { server: env.PARTWAY_SERVER || undefined };
}
