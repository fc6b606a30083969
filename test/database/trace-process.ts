import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killAtExit } from '../support/leftovers.ts';

/** A file operation of a process, recorded at its end, in order. */
export interface TracedCall {
  call: 'fsync' | 'write' | 'listen';
  /** The thread. */
  thread: string;
  descriptor: number;
  /** The file, or a description of a socket or pipe. */
  path: string;
  /** The start of what was written. */
  text: string;
}

export interface Traced {
  calls: TracedCall[];
  stdout: string;
  stderr: string;
}

/** Why a test of system calls is skipped; false if it is not. */
export const noStrace: string | false =
  spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0
    ? false
    : 'strace is missing, or may trace nothing here (apt-get install strace)';

/**
 * Runs this Node.js with the arguments under strace until it ends, or until its output contains `stopAt`: then it is
 * killed. With `killAtSync`, the process is killed instead of its sync with that number, counted from 1.
 */
export async function traceProcess(
  args: readonly string[],
  { env = {}, killAtSync, stopAt }: { env?: Record<string, string>; killAtSync?: number; stopAt?: RegExp } = {},
): Promise<Traced> {
  const folder = mkdtempSync(join(tmpdir(), 'partway-strace-'));
  const log = join(folder, 'log');
  const inject = killAtSync === undefined ? [] : ['-e', `inject=fsync,fdatasync:signal=KILL:when=${killAtSync}`];
  const options = ['-f', '-y', '-qq', '-e', 'signal=none', '-e', 'trace=fsync,fdatasync,write,writev,listen'];
  const child = spawn('strace', [...options, ...inject, '-o', log, process.execPath, '--no-warnings', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  killAtExit(child);
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      out[name] += text;
      if (stopAt?.test(out[name])) process.kill(tracedProcess(log), 'SIGKILL');
    });
  }
  await once(child, 'close');
  const calls = parseCalls(readFileSync(log, 'utf8'));
  rmSync(folder, { recursive: true });
  return { calls, ...out };
}

/** strace itself leaves its process running when it is ended. */
function tracedProcess(log: string): number {
  const [thread] = /^\d+/m.exec(readFileSync(log, 'utf8')) ?? [];
  const [, pid] = /^Tgid:\s+(\d+)$/m.exec(readFileSync(`/proc/${thread}/status`, 'utf8')) ?? [];
  return Number(pid);
}

const BEGUN = /^(\d+) +(fsync|fdatasync|write|writev|listen)\((\d+)(?:<(.*?)>)?(.*)$/;
const RESUMED = /^(\d+) +<\.\.\. \w+ resumed>(.*)$/;

/** A call counts at its end; one that failed or never ended does not. */
function parseCalls(log: string): TracedCall[] {
  const calls: TracedCall[] = [];
  const unfinished = new Map<string, TracedCall>();
  for (const line of log.split('\n')) {
    const [, thread = '', name = '', descriptor, path = '', rest = ''] = BEGUN.exec(line) ?? [];
    if (name !== '') {
      const kind = name.startsWith('f') ? 'fsync' : name === 'listen' ? 'listen' : 'write';
      const call: TracedCall = { call: kind, thread, descriptor: Number(descriptor), path, text: rest };
      if (rest.endsWith('<unfinished ...>')) unfinished.set(thread, call);
      else if (/ = \d+$/.test(rest)) calls.push(call);
      continue;
    }
    const [, resumed = '', end = ''] = RESUMED.exec(line) ?? [];
    const call = unfinished.get(resumed);
    unfinished.delete(resumed);
    if (call !== undefined && / = \d+$/.test(end)) calls.push(call);
  }
  return calls;
}
