import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { killAtExit } from '../../test/support/leftovers.ts';
import type { MeasuredServer } from '../support.ts';

/** Another server, which the benchmarks compare with. */
export interface Peer {
  /** Its name with its version. */
  version: string;
  /** Starts it in a process of its own, with its data in this new folder. */
  start(folder: string): Promise<MeasuredServer>;
}

/** Why a peer is left out. */
export interface MissingPeer {
  missing: string;
}

/** Starts a program that prints a URL with its port when it is listening. */
export async function startPeer(file: string, args: readonly string[]): Promise<MeasuredServer> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  killAtExit(child);
  const ended = once(child, 'exit');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      if (output.length < 100_000) output += text;
      const url = /http:\/\/127\.0\.0\.1:\d+(?=[/\s])/.exec(output)?.[0];
      if (url !== undefined) resolve(url);
    });
  }
  ended.then(() => reject(new Error(`${file} exited before it was listening:\n${output}`)), reject);
  const url = await promise;
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return { url, token: '', pid: child.pid ?? 0, stop };
}
