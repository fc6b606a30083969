import { spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** A system call as strace printed it. */
export interface SystemCall {
  name: string;
  /** The arguments as strace prints them: strings in hexadecimal, descriptors with their paths. */
  args: string;
  /** What the call returned; -1 for an error. */
  result: number;
  /** Positions of its start and its end in the log. A call that ended before another started happened before it. */
  began: number;
  ended: number;
}

/** What strace logged of one process and all of its threads. */
export interface SystemCallLog {
  /** In the order in which they ended. Calls that were in progress when the process died are left out. */
  calls: SystemCall[];
  /** For each position of the log, when it was written, in milliseconds of the wall clock. */
  times: number[];
}

/**
 * Every call that can change a file or a folder, or make a change durable, including mmap because a mapping can
 * write.
 */
const TRACED = [
  ...['openat', 'open', 'creat', 'close', 'dup', 'dup2', 'dup3', 'lseek'],
  ...['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'ftruncate', 'truncate', 'fallocate', 'mmap'],
  ...['fsync', 'fdatasync', 'sync', 'syncfs', 'sync_file_range', 'msync'],
  ...['rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'mkdir', 'mkdirat', 'rmdir', 'link', 'linkat'],
  ...['symlink', 'symlinkat', 'copy_file_range', 'sendfile', 'splice'],
];

/** Longer than any buffer that the server writes in one call, in bytes. */
const MAX_STRING = 64 * 1024 * 1024;

/** Whether strace is installed and can trace here. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
}

/**
 * The command line that runs `command` under strace with a log in `log`.
 *
 * @param killAtSync Kills the process when one of its threads starts the sync of this number, which then has no
 * effect.
 */
export function straceCommand(log: string, command: readonly string[], killAtSync?: number): string[] {
  // strace 6.1 with a seccomp filter, which is faster, does not deliver the signal.
  const how =
    killAtSync === undefined ? ['--seccomp-bpf'] : [`--inject=fsync,fdatasync:signal=SIGKILL:when=${killAtSync}`];
  const format = ['-f', '-qq', '-ttt', '-y', '-xx', '-s', String(MAX_STRING), '-e', 'signal=none'];
  return ['strace', ...format, ...how, '-e', `trace=${TRACED.join(',')}`, '-o', log, ...command];
}

/** Reads a log of `straceCommand`. */
export async function readLog(path: string): Promise<SystemCallLog> {
  const calls: SystemCall[] = [];
  const times: number[] = [];
  const underWay = new Map<string, { text: string; began: number }>();
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    const position = times.length;
    const head = /^([0-9]+) +([0-9.]+) /.exec(line.slice(0, 64));
    if (head === null) throw new Error(`strace wrote a line of unknown form: ${line.slice(0, 200)}`);
    const [start, thread = '', seconds] = head;
    times.push(Number(seconds) * 1000);
    const text = line.slice(start.length);
    if (text.endsWith(' <unfinished ...>')) {
      underWay.set(thread, { text: text.slice(0, -' <unfinished ...>'.length), began: position });
      continue;
    }
    const resumed = /^<\.\.\. [a-z0-9_]+ resumed>/.exec(text.slice(0, 64))?.[0];
    if (resumed === undefined) addCall(calls, text, position, position);
    const first = underWay.get(thread);
    if (resumed === undefined || first === undefined) continue;
    underWay.delete(thread);
    addCall(calls, first.text + text.slice(resumed.length), first.began, position);
  }
  return { calls, times };
}

function addCall(calls: SystemCall[], text: string, began: number, ended: number): void {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(') ');
  const result = /^\)\s+= (-?[0-9]+|0x[0-9a-f]+)/.exec(text.slice(close))?.[1];
  // "= ?" is a call that never returned, and "+++ exited +++" is not a call.
  if (open < 0 || close < 0 || result === undefined) return;
  calls.push({ name: text.slice(0, open), args: text.slice(open + 1, close), result: Number(result), began, ended });
}

const DESCRIPTOR = /^([0-9]+)<((?:\\x[0-9a-f]{2})*)>/;
const STRING = /"((?:\\x[0-9a-f]{2})*)"/g;

/** The number of the descriptor that is a call's first argument; undefined if it is none. */
export function descriptorOf({ args }: SystemCall): number | undefined {
  const number = DESCRIPTOR.exec(args)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** The decoded strings among a call's arguments: paths, or the bytes that it writes. */
export function stringsOf({ args }: SystemCall): Buffer[] {
  return [...args.matchAll(STRING)].map(([, hex = '']) => Buffer.from(hex.replaceAll('\\x', ''), 'hex'));
}

/** The last argument as a number. */
export function lastNumberOf({ args }: SystemCall): number {
  return Number(args.slice(args.lastIndexOf(',') + 1).trim());
}

/** The path of the descriptor that is a call's first argument; undefined if it is none. */
export function pathOf({ args }: SystemCall): string | undefined {
  const hex = DESCRIPTOR.exec(args)?.[2];
  return hex === undefined ? undefined : Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString();
}
