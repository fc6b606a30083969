import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { COVERAGE_ENV } from '../support/coverage-env.ts';
import { leftoverProcess } from '../support/leftovers.ts';

export const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));

/** Where this user's commands keep compiled code; each test's own home would have none. */
const COMPILED = process.env.NODE_COMPILE_CACHE ?? join(homedir(), '.cache', 'partway', 'compiled');

/** How a command ended and what it printed. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** What it finds in its environment, besides the path. */
  env?: Record<string, string>;
  cwd?: string;
  /** What comes on stdin, which is at its end otherwise; null where the test writes to it itself. */
  input?: string | Uint8Array | null;
}

/** Runs `partway` in a process of its own, in an environment that is empty but for what is given. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return start(args, options).ended;
}

/** Starts `partway`, for tests that do something to it while it runs. */
export function start(
  args: readonly string[],
  { env = {}, cwd, input = '' }: RunOptions = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [PARTWAY, ...args], {
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILED, ...COVERAGE_ENV, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(cwd !== undefined && { cwd }),
  });
  leftoverProcess(child);
  // A command that does not read its input may be gone before it came.
  child.stdin.on('error', () => {});
  if (input !== null) child.stdin.end(input);
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return {
    child,
    ended: ended.then(([[code, signal], stdout, stderr]) => ({ code, signal, stdout, stderr })),
  };
}

/** The JSON objects of a command with `--json`, one a line. */
export function jsonLines(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The file that an upload with `--json` says it made or found. */
export function fileOf(events: readonly Record<string, unknown>[]): { id: string; name: string; sha1: string } {
  const ended = events.find(({ event }) => event === 'done' || event === 'present');
  if (ended === undefined) throw new Error(`nothing was uploaded: ${JSON.stringify(events)}`);
  return ended.file as { id: string; name: string; sha1: string };
}
