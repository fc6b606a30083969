import type { Argument, Command, Option } from 'commander';

/** What comes behind an option or as an argument: words to choose from, or a path here, or anything. */
export type Value = { kind: 'words'; words: readonly string[] } | { kind: 'path' } | { kind: 'any' };

export interface DescribedOption {
  /** Such as `--to` and `-r`. */
  flags: string[];
  description: string;
  /** Undefined where nothing comes behind it. */
  value: Value | undefined;
}

/** A command as a shell completes it, with the commands below it. */
export interface DescribedCommand {
  name: string;
  description: string;
  options: DescribedOption[];
  /** What its arguments are; undefined where it takes none. */
  argument: Value | undefined;
  commands: DescribedCommand[];
}

/** Reads out of commander what a shell has to know, so that scripts cannot differ from what there is. */
export function describeCommand(command: Command): DescribedCommand {
  const help = command.createHelp();
  return {
    name: command.name(),
    description: help.subcommandDescription(command),
    options: help.visibleOptions(command).map(describeOption),
    argument: describeArgument(command.registeredArguments[0]),
    commands: help.visibleCommands(command).map(describeCommand),
  };
}

function describeOption(option: Option): DescribedOption {
  const { short, long, description, required, optional, argChoices, flags } = option;
  return {
    flags: [long, short].filter((flag) => flag != null),
    description,
    value: required || optional ? describeValue(argChoices, flags) : undefined,
  };
}

function describeArgument(argument: Argument | undefined): Value | undefined {
  return argument && describeValue(argument.argChoices, argument.name());
}

/** By what it is called: a path, file or folder is one of this machine, unless it is remote. */
function describeValue(choices: readonly string[] | undefined, text: string): Value {
  if (choices !== undefined) return { kind: 'words', words: choices };
  return /\b(path|file|folder)\b/.test(text) && !text.includes('remote') ? { kind: 'path' } : { kind: 'any' };
}
