import type { DescribedCommand } from './describe.ts';

/** A command, and the words that lead to it. */
export interface Placed {
  /** Such as `partway token make`. */
  path: string;
  command: DescribedCommand;
}

/** A command and all below it. */
export function allCommands(command: DescribedCommand, above = ''): Placed[] {
  const path = `${above}${command.name}`;
  return [{ path, command }, ...command.commands.flatMap((below) => allCommands(below, `${path} `))];
}

/** A word for a shell, to be taken as it is: bash and zsh. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
