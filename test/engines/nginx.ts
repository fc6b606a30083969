import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deleteAtExit, deleteFolder, killAtExit } from '../support/leftovers.ts';
import { findFreePort } from './find-free-port.ts';
import { findNginx, type NginxPlan, writeNginxConfig } from './nginx-config.ts';

const START_LIMIT_MS = 30_000;

/** nginx with the configuration of `deploy/nginx`, on a free port of 127.0.0.1. */
export interface Nginx extends AsyncDisposable {
  url: string;
  /**
   * Marks these nodes as down and all others as up; resolves when no request routed by the old configuration is in
   * progress.
   */
  setDown(...down: string[]): Promise<void>;
  /** The requests that it has forwarded, a line each, with the nodes and their responses. */
  log(): string[];
}

/** Why nginx cannot be started on this machine; undefined if it can. */
export function nginxSkipReason(): string | undefined {
  return findNginx() === undefined ? 'nginx is not installed: apt-get install nginx-light brings it' : undefined;
}

export type LoadBalancing = Omit<NginxPlan, 'folder' | 'port' | 'down'>;

export async function startNginx(balancing: LoadBalancing): Promise<Nginx> {
  const program = findNginx();
  if (program === undefined) throw new Error(nginxSkipReason());
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-nginx-')));
  const port = await findFreePort();
  const write = (down: readonly string[]) => writeNginxConfig({ folder, port, ...balancing, down });
  const child = spawn(program, ['-e', join(folder, 'error.log'), '-c', write([])], { stdio: 'ignore' });
  killAtExit(child);
  const url = `${balancing.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  await waitUntilListening(port, child, join(folder, 'error.log'));
  return {
    url,
    async setDown(...down) {
      write(down);
      const before = listWorkers(child);
      child.kill('SIGHUP');
      // Workers with the old configuration end after their last request.
      while (before.some((pid) => existsSync(`/proc/${pid}`))) await sleep(10);
    },
    log: () => readFileSync(join(folder, 'partway.log'), 'utf8').split('\n').slice(0, -1),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGTERM')) await ended;
      deleteFolder(folder);
    },
  };
}

function listWorkers({ pid }: ChildProcess): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
}

export async function waitUntilListening(port: number, child: ChildProcess, log: string): Promise<void> {
  const limit = performance.now() + START_LIMIT_MS;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      const over = child.exitCode !== null || performance.now() > limit;
      if (over) throw new Error(`nginx did not start:\n${readFileSync(log, 'utf8')}`, { cause: error });
      await sleep(20);
    } finally {
      socket.destroy();
    }
  }
}
