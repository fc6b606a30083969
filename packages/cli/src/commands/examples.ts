import type { Command } from 'commander';

/** A command line, and what it does, as a sentence without a period. */
export type Example = readonly [command: string, description: string];

/**
 * Adds examples to the help text. test/cli/help-examples.test.ts types each of them, in the order of the commands, so they
 * must work with the files and users that it prepares.
 */
export function addExamples(command: Command, examples: readonly Example[]): Command {
  const lines = examples.flatMap(([line, description]) => ['', `  # ${description}`, `  $ ${line}`]);
  return command.addHelpText('after', ['\nExamples:', ...lines.slice(1)].join('\n'));
}
