import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { COVERAGE_ENV } from './coverage-env.ts';
import { leftoverFolder, leftoverProcess, removeNow } from './leftovers.ts';
import { dropRows, rowsFor } from './rows.ts';
import { storageSettings } from './storage.ts';
import { type Certificates, makeCertificates } from './tls.ts';

const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));
const START_LIMIT_MS = 60_000;
const LOG_LIMIT_MS = 30_000;
const KEPT_OUTPUT = 1024 * 1024;

export interface ServerOptions {
  /** Settings of the server, such as PARTWAY_PART_SIZE; nothing else is taken over from this process's environment. */
  env?: Record<string, string>;
  /** An existing or new folder that stays when the test ends. Without it, a new one that is removed. */
  dataFolder?: string;
  /** Speak https, with certificates made for this server. */
  tls?: boolean;
}

/** A real server in a process of its own. */
export interface TestServer extends AsyncDisposable {
  /** Scheme, host and port, no slash at the end; the same after a restart. */
  readonly url: string;
  /** The developer token. */
  readonly token: string;
  readonly dataFolder: string;
  /** Of the process that runs now or ran last. */
  readonly pid: number;
  /** With `tls`: the authority to trust, among others. */
  readonly certificates: Certificates | undefined;
  /** SIGTERM, then waits for the end and gives the exit code (null after a signal). */
  stop(): Promise<number | null>;
  /** SIGKILL, then waits for the end. */
  kill(): Promise<void>;
  /** Starts again on the same data folder and port; stops first what still runs. */
  restart(): Promise<void>;
  /** The last mebibyte of what all runs wrote to stderr: the log, as JSON lines. */
  stderr(): string;
  /** Resolves once the log has this; a server may answer first and log then. Fails with the log after a while. */
  logged(what: RegExp): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1 and resolves once it accepts connections. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const home = leftoverFolder(await mkdtemp(join(tmpdir(), 'partway-test-')));
  const certificates = options.tls ? await makeCertificates(home) : undefined;
  const dataFolder = options.dataFolder ?? join(home, 'data');
  await mkdir(dataFolder, { recursive: true });
  const token = options.env?.PARTWAY_TOKEN ?? randomBytes(16).toString('hex');
  const settings = {
    PARTWAY_DATA: dataFolder,
    PARTWAY_TOKEN: token,
    ...(await rowsFor(dataFolder)),
    ...(certificates && { PARTWAY_TLS_CERT: certificates.cert, PARTWAY_TLS_KEY: certificates.key }),
    ...(options.env?.PARTWAY_STORAGE === undefined && storageSettings(dataFolder)),
    ...options.env,
  };
  const output = { stderr: '' };
  const start = (listen: string) => startProcess({ PARTWAY_LISTEN: listen, ...settings }, output);

  let running = await start('127.0.0.1:0');
  const { url } = running;

  const stop = async () => {
    await end(running.child, 'SIGTERM');
    return running.child.exitCode;
  };
  return {
    url,
    token,
    dataFolder,
    certificates,
    get pid() {
      return running.pid;
    },
    stop,
    kill: () => end(running.child, 'SIGKILL'),
    async restart() {
      await stop();
      running = await start(new URL(url).host);
    },
    stderr: () => output.stderr,
    async logged(what) {
      const limit = Date.now() + LOG_LIMIT_MS;
      while (!what.test(output.stderr)) {
        if (Date.now() > limit) throw new Error(`The log has no ${what}:\n${output.stderr}`);
        await sleep(10);
      }
    },
    async [Symbol.asyncDispose]() {
      await stop();
      if (options.dataFolder === undefined) await dropRows(dataFolder);
      removeNow(home);
    },
  };
}

interface Running {
  child: ChildProcess;
  pid: number;
  url: string;
}

function startProcess(env: Record<string, string>, output: { stderr: string }): Promise<Running> {
  const child = spawn(process.execPath, [PARTWAY, 'serve'], {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', TMPDIR: tmpdir(), ...COVERAGE_ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  leftoverProcess(child);
  return new Promise((resolve, reject) => {
    let stdout = '';
    const fail = (why: string) => {
      child.kill('SIGKILL');
      reject(new Error(`The server ${why}.\nstdout:\n${stdout}\nstderr:\n${output.stderr}`));
    };
    const limit = setTimeout(() => fail(`was not up after ${START_LIMIT_MS / 1000} s`), START_LIMIT_MS);
    child.once('error', (error) => fail(`could not be started: ${error.message}`));
    child.once('close', (code, signal) => fail(`ended before it was up (${signal ?? `exit code ${code}`})`));
    child.once('exit', () => clearTimeout(limit));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr = (output.stderr + text).slice(-KEPT_OUTPUT);
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-KEPT_OUTPUT);
      const url = /listening on (https?:\/\/[^\s/]+)/.exec(stdout)?.[1];
      if (url === undefined || child.pid === undefined) return;
      clearTimeout(limit);
      resolve({ child, pid: child.pid, url });
    });
  });
}

/** Ends a process and waits until all that it has written is here. */
async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  child.kill(signal);
  await ended;
}
