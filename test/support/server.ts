import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { COVERAGE_ENV } from './coverage-env.ts';
import { deleteAtExit, deleteFolder, killAtExit } from './leftovers.ts';
import { storageSettings } from './storage.ts';
import { dropTestDatabase, ensureDatabase } from './test-database.ts';
import { type Certificates, createCertificates } from './tls.ts';

const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));
const START_LIMIT_MS = 60_000;
const LOG_LIMIT_MS = 30_000;
const MAX_OUTPUT = 1024 * 1024;

export interface ServerOptions {
  /** Settings of the server, such as PARTWAY_PART_SIZE. Of this process's environment, it gets only PARTWAY_NATIVE. */
  env?: Record<string, string>;
  /** An existing or new folder that remains after the test. By default, a new one that is deleted. */
  dataFolder?: string;
  /** Use https, with certificates created for this server. */
  tls?: boolean;
}

/** A real server in a separate process. */
export interface TestServer extends AsyncDisposable {
  /** Scheme, host and port, without a slash at the end; does not change when the server restarts. */
  readonly url: string;
  /** The developer token. */
  readonly token: string;
  readonly dataFolder: string;
  /** Of the current or last process. */
  readonly pid: number;
  /** With `tls`: the CA to trust in addition to others. */
  readonly certificates: Certificates | undefined;
  /** Sends SIGTERM, waits for the end and returns the exit code (null after a signal). */
  stop(): Promise<number | null>;
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<void>;
  /** Starts again on the same data folder and port; first stops a running process. */
  restart(): Promise<void>;
  /** The last mebibyte that all processes wrote to stderr: the log, as JSON lines. */
  stderr(): string;
  /** Resolves when the log contains this; a server may respond before it logs. Fails with the log after a while. */
  waitForLog(what: RegExp): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1 and resolves when it accepts connections. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const home = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-test-')));
  const certificates = options.tls ? await createCertificates(home) : undefined;
  const dataFolder = options.dataFolder ?? join(home, 'data');
  await mkdir(dataFolder, { recursive: true });
  const token = options.env?.PARTWAY_TOKEN ?? randomBytes(16).toString('hex');
  const settings = {
    PARTWAY_DATA: dataFolder,
    PARTWAY_TOKEN: token,
    ...(process.env.PARTWAY_NATIVE && { PARTWAY_NATIVE: process.env.PARTWAY_NATIVE }),
    ...(await ensureDatabase(dataFolder)),
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
    async waitForLog(what) {
      const limit = Date.now() + LOG_LIMIT_MS;
      while (!what.test(output.stderr)) {
        if (Date.now() > limit) throw new Error(`The log has no ${what}:\n${output.stderr}`);
        await sleep(10);
      }
    },
    async [Symbol.asyncDispose]() {
      await stop();
      if (options.dataFolder === undefined) await dropTestDatabase(dataFolder);
      deleteFolder(home);
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
  killAtExit(child);
  return new Promise((resolve, reject) => {
    let stdout = '';
    const fail = (why: string) => {
      child.kill('SIGKILL');
      reject(new Error(`The server ${why}.\nstdout:\n${stdout}\nstderr:\n${output.stderr}`));
    };
    const limit = setTimeout(() => fail(`was not ready after ${START_LIMIT_MS / 1000} s`), START_LIMIT_MS);
    child.once('error', (error) => fail(`could not be started: ${error.message}`));
    child.once('close', (code, signal) => fail(`ended before it was ready (${signal ?? `exit code ${code}`})`));
    child.once('exit', () => clearTimeout(limit));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr = (output.stderr + text).slice(-MAX_OUTPUT);
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-MAX_OUTPUT);
      const url = /listening on (https?:\/\/[^\s/]+)/.exec(stdout)?.[1];
      if (url === undefined || child.pid === undefined) return;
      clearTimeout(limit);
      resolve({ child, pid: child.pid, url });
    });
  });
}

/** Ends a process and waits until all its output has been received. */
async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  child.kill(signal);
  await ended;
}
