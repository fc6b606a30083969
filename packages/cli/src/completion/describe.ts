import type { Argument, Command, Option } from 'commander';

const DYNAMIC_KINDS = ['remote', 'profile', 'session'] as const;

/** What `partway __complete` looks up: paths on the server, profiles, and IDs of uploads in progress. */
export type DynamicKind = (typeof DYNAMIC_KINDS)[number];

export function isDynamicKind(text: string): text is DynamicKind {
  return DYNAMIC_KINDS.some((kind) => kind === text);
}

/** The value of an option or argument: one of several words, a local path, something to look up, or anything. */
export type Value = { kind: 'words'; words: readonly string[] } | { kind: 'path' | 'any' } | { kind: DynamicKind };

export interface DescribedOption {
  /** Such as `--to` and `-r`. */
  flags: string[];
  description: string;
  /** Undefined for a flag without a value. */
  value: Value | undefined;
}

/** A command as a shell completes it, with its subcommands. */
export interface DescribedCommand {
  name: string;
  description: string;
  options: DescribedOption[];
  /** The value of its arguments; undefined if it has none. */
  argument: Value | undefined;
  commands: DescribedCommand[];
}

/** Describes a command for completion scripts. It reads commander's definitions, so that the scripts are always current. */
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

/** Derives the kind from the name: a path, file or folder is local unless the name contains "remote". */
function describeValue(choices: readonly string[] | undefined, text: string): Value {
  if (choices !== undefined) return { kind: 'words', words: choices };
  const nameWords = text.split(/\W+/);
  const dynamic = DYNAMIC_KINDS.find((kind) => nameWords.includes(kind));
  if (dynamic !== undefined) return { kind: dynamic };
  return { kind: /\b(path|file|folder)\b/.test(text) ? 'path' : 'any' };
}
