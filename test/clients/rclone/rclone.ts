import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestServer } from '../../support/server.ts';
import { installed } from '../lab-suite.ts';
import type { ConnectProxy } from './connect-proxy.ts';

const run = promisify(execFile);
const LIMIT_MS = 180_000;

/** rclone's counters, from the last of its log lines that has them. */
export interface Stats {
  transfers: number;
  bytes: number;
  checks: number;
  deletes: number;
  renames: number;
  errors: number;
}

/** Runs rclone with the remote `box:` and returns its standard output. */
export type Rclone = (...args: string[]) => Promise<{ stdout: string; stats: Stats | undefined }>;

/**
 * Debian's rclone with a Box remote configured with a token, as in its documentation; the proxy leads it to the
 * server.
 */
export async function setUpRclone(server: TestServer, proxy: ConnectProxy): Promise<Rclone> {
  const { file, args: common, env } = await prepareRclone(server, proxy);
  const logging = ['--use-json-log', '--verbose', '--stats-log-level', 'INFO', '--retries', '1'];
  return async (...args) => {
    const { stdout, stderr } = await run(file, [...args, ...common, ...logging], {
      env,
      timeout: LIMIT_MS,
      maxBuffer: 16 * 1024 * 1024,
    });
    return { stdout, stats: lastStats(stderr) };
  };
}

/** How to start rclone so that `box:` is the server: the program, its additional arguments and its environment. */
export async function prepareRclone(
  server: TestServer,
  proxy: ConnectProxy,
): Promise<{ file: string; args: string[]; env: Record<string, string> }> {
  if (server.certificates === undefined) throw new Error('rclone speaks to api.box.com over TLS only.');
  const config = join(server.dataFolder, '..', 'rclone.conf');
  await writeFile(config, `[box]\ntype = box\naccess_token = ${server.token}\n`, { mode: 0o600 });
  return {
    file: installed('rclone'),
    args: ['--config', config, '--ca-cert', server.certificates.ca],
    env: { PATH: process.env.PATH ?? '', HOME: join(server.dataFolder, '..'), HTTPS_PROXY: proxy.url },
  };
}

function lastStats(log: string): Stats | undefined {
  const lines = log.split('\n').filter((line) => line.includes('"stats"'));
  return (JSON.parse(lines.at(-1) ?? '{}') as { stats?: Stats }).stats;
}
