import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs a script in bash with these variables and returns its output; rejects if it fails. Uses no proxy. */
export async function bash(script: string, env: Record<string, string>): Promise<string> {
  const { stdout } = await run('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
    env: { PATH: process.env.PATH ?? '', NO_PROXY: '*', ...env },
    timeout: 120_000,
  });
  return stdout;
}
