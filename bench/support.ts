import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { deleteAtExit, killAtExit } from '../test/support/leftovers.ts';
import { startServer } from '../test/support/server.ts';

export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;

/** A measured server, in a process of its own. */
export interface MeasuredServer {
  url: string;
  token: string;
  pid: number;
  stop(): Promise<void>;
}

/** Starts Partway with its defaults; `env` changes settings. */
export async function startPartway(dataFolder: string, env: Record<string, string> = {}): Promise<MeasuredServer> {
  const server = await startServer({ dataFolder, env });
  return { url: server.url, token: server.token, pid: server.pid, stop: async () => void (await server.stop()) };
}

/** Starts another server: a script in `bench/peers` that gets a folder and prints `listening on URL`. */
export async function startPeer(name: string, dataFolder: string): Promise<MeasuredServer> {
  const child = spawn(process.execPath, [here(`peers/${name}.ts`), dataFolder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  killAtExit(child);
  const ended = once(child, 'exit');
  for await (const line of createInterface(child.stdout)) {
    const url = /listening on (\S+)/.exec(line)?.[1];
    if (url === undefined || child.pid === undefined) continue;
    const stop = async () => {
      child.kill('SIGTERM');
      await ended;
    };
    return { url, token: '', pid: child.pid, stop };
  }
  throw new Error(`The peer ${name} exited before it was listening.`);
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

/** The kernel's figures for a process, for all threads together. */
export interface ProcessFigures {
  cpuSeconds: number;
  /** The share of the first thread, in which Node's event loop runs. */
  loopCpuSeconds: number;
  rssBytes: number;
  peakRssBytes: number;
}

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux

export function readProcess(pid: number): ProcessFigures {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return {
    cpuSeconds: cpuSecondsIn(`/proc/${pid}/stat`),
    loopCpuSeconds: cpuSecondsIn(`/proc/${pid}/task/${pid}/stat`),
    rssBytes: kib('VmRSS') * 1024,
    peakRssBytes: kib('VmHWM') * 1024,
  };
}

function cpuSecondsIn(statFile: string): number {
  const stat = readFileSync(statFile, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // starts at field 3, the state
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND; // utime, stime
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2;
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
