import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { COVERAGE_ENV } from '../support/coverage-env.ts';
import { killAtExit } from '../support/leftovers.ts';

export const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));

/** The compile cache of this user's commands; each test's own home folder would have none. */
export const COMPILED = process.env.NODE_COMPILE_CACHE ?? join(homedir(), '.cache', 'partway', 'compiled');

/** The exit status of a command and its output. */
export interface CommandResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Environment variables besides PATH. */
  env?: Record<string, string>;
  cwd?: string;
  /** Standard input, empty by default; null if the test writes to it itself. */
  input?: string | Uint8Array | null;
}

/** Runs `partway` in a separate process, with no other environment variables than those given. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  return start(args, options).ended;
}

/** Starts `partway`, for tests that act on it while it runs. */
export function start(
  args: readonly string[],
  { env = {}, cwd, input = '' }: RunOptions = {},
): { child: ChildProcess; ended: Promise<CommandResult> } {
  const child = spawn(process.execPath, [PARTWAY, ...args], {
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILED, ...COVERAGE_ENV, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
  });
  killAtExit(child);
  // A command that does not read its input may have ended before the input arrives.
  child.stdin.on('error', () => {});
  if (input !== null) child.stdin.end(input);
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return {
    child,
    ended: ended.then(([[code, signal], stdout, stderr]) => ({ code, signal, stdout, stderr })),
  };
}

/** The JSON objects of a command with `--json`, one per line. */
export function jsonLines(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The file that an upload with `--json` created or found. */
export function uploadedFile(events: readonly Record<string, unknown>[]): { id: string; name: string; sha1: string } {
  const ended = events.find(({ event }) => event === 'done' || event === 'present');
  if (ended === undefined) throw new Error(`nothing was uploaded: ${JSON.stringify(events)}`);
  return ended.file as { id: string; name: string; sha1: string };
}
