import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { killAtExit } from '../support/leftovers.ts';
import { PARTWAY } from './run.ts';

/** Creates a pseudo-terminal for a command; part of util-linux. */
export const SCRIPT = '/usr/bin/script';
/** Why a test cannot run, or false if it can. */
export const noTerminal = existsSync(SCRIPT) ? false : `${SCRIPT} does not exist`;

/** A command on its own terminal. */
export interface TerminalCommand {
  child: ChildProcess;
  /** Everything written to the terminal, including escape sequences. */
  output(): string;
  /** The lines that the screen showed over time: text between escape sequences and line ends, in order. */
  shown(): string[];
  type(keys: string): void;
  /** Resolves when `pattern` has been shown; rejects if the command ends first. */
  shows(pattern: RegExp): Promise<void>;
  ended: Promise<{ code: number | null }>;
}

/** Starts `partway` on a terminal of 24 lines with 100 columns. */
export function startOnTerminal(
  args: readonly string[],
  { env, cwd }: { env: Record<string, string>; cwd: string },
): TerminalCommand {
  const command = ['stty rows 24 cols 100;', 'exec', process.execPath, PARTWAY, ...args].map(shellWord).join(' ');
  const child = spawn(SCRIPT, ['-qefc', command, '/dev/null'], {
    env: { PATH: process.env.PATH ?? '', TERM: 'xterm-256color', LANG: 'C.UTF-8', ...env },
    cwd,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  killAtExit(child);
  let output = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    for (const check of waiting) check();
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null }));
  return {
    child,
    output: () => output,
    shown: () => linesOf(output),
    type: (keys) => child.stdin.write(keys),
    shows(pattern) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const check = () => {
        if (linesOf(output).some((line) => pattern.test(line))) resolve();
      };
      waiting.add(check);
      check();
      void ended.then(() => reject(new Error(`${pattern} was not shown:\n${linesOf(output).join('\n')}`)));
      return promise.finally(() => waiting.delete(check));
    },
    ended,
  };
}

function shellWord(word: string): string {
  return /^[\w./:;=-]+$|^stty |^exec$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function linesOf(output: string): string[] {
  return (
    output
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
      .split(/(?:\u001b\[[0-9;?]*[A-Za-z]|\r|\n)+/)
      .map((line) => line.trimEnd())
      .filter((line) => line !== '')
  );
}
