import type { Command } from 'commander';
import { createProgram } from '../../packages/cli/src/program.ts';

/** The help text of a command, as `partway COMMAND --help` prints it. */
export interface HelpText {
  /** Such as `partway user add`. */
  path: string;
  text: string;
  /** The command lines of its examples. */
  examples: string[];
}

/** Returns the help texts of `partway` and all its commands. */
export function listHelpTexts(command: Command = createProgram(), parent = ''): HelpText[] {
  const path = `${parent}${command.name()}`;
  const text = renderHelp(command);
  const examples = [...text.matchAll(/^ {2}\$ (.+)$/gm)].map(([, line = '']) => line);
  // Without hidden commands, and without `help`, which has no help text of its own.
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help');
  return [{ path, text, examples }, ...visible.flatMap((one) => listHelpTexts(one, `${path} `))];
}

function renderHelp(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return text;
}
