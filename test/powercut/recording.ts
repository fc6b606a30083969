import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../faults/seeded-random.ts';
import { deleteAtExit, killAtExit } from '../support/leftovers.ts';
import { Journal, type RecordedRequest } from './journal.ts';
import { readLog, type SystemCallLog, straceCommand } from './strace.ts';
import { PART_SIZE, Workload } from './workload.ts';

const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));
export const TOKEN = 'the-token-of-the-power-cut-lab';

/** A server's settings in these tests. */
export const SETTINGS = { PARTWAY_TOKEN: TOKEN, PARTWAY_PART_SIZE: String(PART_SIZE), PARTWAY_MIN_SESSION_SIZE: '0' };

/** One life of a server: its system calls, and the data folder that it left. */
export interface Life {
  log: SystemCallLog;
  /** A copy of the data folder, made after the process ended. */
  left: string;
}

/** What servers did with a data folder, and what their clients received. */
export interface Recording {
  dataFolder: string;
  lives: Life[];
  notes: readonly RecordedRequest[];
  /** The bytes of an upload by its name and size. */
  bytesOf(name: string, size: number): Buffer;
}

export interface RecordingOptions {
  seed: number;
  /** How often the server is killed and started again. */
  kills: number;
  /** Rounds of requests per life, for each of three clients. */
  rounds: number;
}

/**
 * Runs a server under strace while clients use it, kills it when one of its threads is about to sync, and starts it
 * again on the same folder, as often as requested.
 */
export async function record({ seed, kills, rounds }: RecordingOptions): Promise<Recording> {
  const home = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-power-cut-')));
  const dataFolder = join(home, 'data');
  mkdirSync(dataFolder, { mode: 0o700 });
  const random = seededRandom(seed);
  const workload = new Workload(new Journal(), random, seed);
  const lives: Life[] = [];
  for (let life = 0; life <= kills; life++) {
    const log = join(home, `strace-${life}.log`);
    const server = await startTraced(dataFolder, log, life < kills ? 20 + random.below(40) : undefined);
    await workload.run(server, rounds);
    await server.kill();
    const left = join(home, `left-${life}`);
    cpSync(dataFolder, left, { recursive: true });
    lives.push({ log: await readLog(log), left });
    rmSync(log);
  }
  return { dataFolder, lives, notes: workload.journal.notes, bytesOf: (name, size) => workload.getBytes(name, size) };
}

interface TracedServer {
  url: string;
  token: string;
  /** Sends SIGKILL, and waits until strace has logged everything. Works for a dead process too. */
  kill(): Promise<void>;
}

async function startTraced(dataFolder: string, log: string, killAtSync: number | undefined): Promise<TracedServer> {
  const [command = '', ...args] = straceCommand(log, [process.execPath, PARTWAY, 'serve'], killAtSync);
  const child = spawn(command, args, {
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      PARTWAY_DATA: dataFolder,
      PARTWAY_LISTEN: '127.0.0.1:0',
      ...SETTINGS,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  killAtExit(child);
  const ended = once(child, 'close');
  const url = await waitForAddress(child);
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
  // When strace ends, the server would continue without it.
  const killOnExit = () => killIfAlive(pid);
  process.once('exit', killOnExit);
  return {
    url,
    token: TOKEN,
    async kill() {
      if (child.exitCode === null && child.signalCode === null) killIfAlive(pid);
      await ended;
      process.removeListener('exit', killOnExit);
    },
  };
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Resolves with the address when the server is listening. */
function waitForAddress({ stdout, stderr }: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let output = '';
  stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const url = /listening on (http:\/\/[^\s/]+)/.exec(output)?.[1];
    if (url !== undefined) resolve(url);
  });
  stdout?.once('close', () => reject(new Error(`The traced server ended before it was listening:\n${output}`)));
  return promise;
}
