import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, statfsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deleteAtExit } from '../test/support/leftovers.ts';
import { startServer } from '../test/support/server.ts';

export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;

/** A measured server, in a process of its own. */
export interface MeasuredServer {
  url: string;
  token: string;
  pid: number;
  /** With TLS: the CA's certificate, a PEM file. */
  ca?: string;
  stop(): Promise<void>;
}

/** Starts Partway with its defaults; `env` changes settings. */
export async function startPartway(
  dataFolder: string,
  env: Record<string, string> = {},
  { tls = false }: { tls?: boolean } = {},
): Promise<MeasuredServer> {
  const server = await startServer({ dataFolder, env, tls });
  const { url, token, pid, certificates } = server;
  const stop = async () => void (await server.stop());
  return { url, token, pid, stop, ...(certificates && { ca: certificates.ca }) };
}

let scratch: string | undefined;

/** Returns a path in a temporary folder of this process, which is deleted when the process ends. */
export function scratchPath(name: string): string {
  scratch ??= deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-bench-')));
  return join(scratch, name);
}

/** Runs `use` with a new folder below `base`, removes the folder, and waits until the disk is idle. */
export async function inNewFolder<T>(base: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = deleteAtExit(await mkdtemp(join(base, 'partway-bench-')));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await once(spawn('sync'), 'exit');
  }
}

const TMPFS = 0x01021994;

/** Whether a folder is on a file system in memory. */
export function isInMemory(folder: string): boolean {
  return statfsSync(folder).type === TMPFS;
}

/** The kernel's figures for a process, for all threads together. */
export interface ProcessFigures {
  cpuSeconds: number;
  /** The share of the first thread, in which Node's event loop runs. */
  loopCpuSeconds: number;
  /** Of child processes that have ended and were waited for. */
  endedChildrenCpuSeconds: number;
  rssBytes: number;
  peakRssBytes: number;
}

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux

export function readProcess(pid: number): ProcessFigures {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  const whole = readTimes(`/proc/${pid}/stat`);
  return {
    cpuSeconds: whole.own,
    loopCpuSeconds: readTimes(`/proc/${pid}/task/${pid}/stat`).own,
    endedChildrenCpuSeconds: whole.endedChildren,
    rssBytes: kib('VmRSS') * 1024,
    peakRssBytes: kib('VmHWM') * 1024,
  };
}

/** Returns CPU times in seconds. */
function readTimes(statFile: string): { own: number; endedChildren: number } {
  const stat = readFileSync(statFile, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // starts at field 3, the state
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return {
    own: (user + system) / TICKS_PER_SECOND,
    endedChildren: (childrenUser + childrenSystem) / TICKS_PER_SECOND,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2;
}

/** Returns the smallest value that is not below `share` of all values; 0.99 gives the 99th percentile. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Returns the range of the values as a fraction of their median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/** Writes the results and a description of the machine to `bench/results/` (ignored by git). Returns the path. */
export async function saveResults(name: string, results: object): Promise<string> {
  const folder = here('results');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}-${new Date().toISOString().replaceAll(':', '-')}.json`);
  await writeFile(path, `${JSON.stringify({ machine: machine(), ...results }, null, 2)}\n`);
  return path;
}

export function machine() {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / GIB),
    kernel: release(),
    node: process.version,
  };
}

export function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
