import { readFileSync } from 'node:fs';

/** A block of commands of a page. */
export interface CommandBlock {
  /** The line on which it begins. */
  line: number;
  commands: string;
  /** Why it cannot run in tests; undefined if it runs. */
  skipReason: string | undefined;
}

const BLOCK = /^( *)```sh(?: +skip="([^"]+)")?\n(.*?)^ *```$/gms;

/**
 * Returns the blocks of shell commands of a page, in order. A block that cannot run in tests says why: `sh skip="needs Docker"`.
 * Blocks without a language show output.
 */
export function readCommandBlocks(page: string): CommandBlock[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(BLOCK)].map((match) => {
    const [, indent = '', skipReason, commands = ''] = match;
    return {
      line: text.slice(0, match.index).split('\n').length,
      commands: commands.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      skipReason,
    };
  });
}

/** Starts a server in the foreground, which the other blocks of the page use. */
const SERVER = /^(.*&& )?((exec )?npm start|partway serve|node packages\/cli\/bin\/partway\.js serve)\b(?!.*--help)/;

/** Splits a block into the commands before one that starts a server, and that command, if it is the last one. */
export function splitServer({ commands }: CommandBlock): { before: string; server: string | undefined } {
  // A backslash continues a command on the next line.
  const lines = commands.trimEnd().replaceAll('\\\n', '\\\u0000').split('\n');
  const last = (lines.at(-1) ?? '').replaceAll('\\\u0000', '\\\n');
  if (!SERVER.test(last.replace(/^(\w+=\S* )+/, ''))) return { before: commands, server: undefined };
  return { before: lines.slice(0, -1).join('\n').replaceAll('\\\u0000', '\\\n'), server: last };
}
