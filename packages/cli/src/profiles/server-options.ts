import type { Command } from 'commander';
import { EXIT, Failure } from '../exit-codes.ts';

/** The user's choice of a server: one of the two, or neither. */
export interface ServerChoice {
  profile?: string | undefined;
  server?: string | undefined;
}

/** Adds the options that select the server of a command. */
export function addServerOptions(command: Command): Command {
  return command
    .option('--profile <name>', 'profile of the server (or PARTWAY_PROFILE)')
    .option('--server <url>', 'address of the server (or PARTWAY_SERVER), with PARTWAY_TOKEN or its profile');
}

/** Parses the user's choice. Options override the environment. */
export function parseServerChoice(command: Command, env: NodeJS.ProcessEnv = process.env): ServerChoice {
  const { profile, server } = command.opts<ServerChoice>();
  if (profile !== undefined && server !== undefined) {
    throw new Failure(EXIT.usage, 'Use either --profile or --server, not both.');
  }
  return withEnvironment({ profile, server }, env);
}

/** Returns the choice or, if there is none, that of the environment. */
export function withEnvironment(choice: ServerChoice, env: NodeJS.ProcessEnv = process.env): ServerChoice {
  if (choice.profile !== undefined || choice.server !== undefined) return choice;
  if (env.PARTWAY_PROFILE) return { profile: env.PARTWAY_PROFILE };
  return { server: env.PARTWAY_SERVER || undefined };
}
