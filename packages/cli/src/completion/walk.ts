import type { DescribedCommand } from './describe.ts';

/** A command with its path. */
export interface CommandPath {
  /** The command and its parents, such as `partway token create`. */
  path: string;
  command: DescribedCommand;
}

/** Lists a command and all its subcommands. */
export function listCommands(command: DescribedCommand, prefix = ''): CommandPath[] {
  const path = `${prefix}${command.name}`;
  return [{ path, command }, ...command.commands.flatMap((subcommand) => listCommands(subcommand, `${path} `))];
}

/** Quotes a word for bash and zsh. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
