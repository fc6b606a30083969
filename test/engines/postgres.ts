import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { deleteAtExit, deleteFolder, killAtExit } from '../support/leftovers.ts';
import { createCertificates } from '../support/tls.ts';
import { findFreePort } from './find-free-port.ts';

const run = promisify(execFile);
const START_LIMIT_MS = 60_000;
/** Where Debian installs a version's programs; other systems have them in the PATH. */
const DEBIAN = '/usr/lib/postgresql';

/** A separate PostgreSQL on loopback, in a temporary folder that is deleted with it. */
export interface Postgres extends AsyncDisposable {
  /** The URL of its superuser and an empty database. */
  readonly url: string;
  /** With `tls`: the file with the CA to trust. */
  readonly ca: string | undefined;
  /** Closes all connections, accepts no new ones, and writes its data. */
  stop(): Promise<void>;
  /** Stops as in a crash: nothing is written at the end, and connections break. */
  kill(): Promise<void>;
  /** Starts again on the same folder and port. */
  start(): Promise<void>;
  /** Changes the owner of a folder to the user that it runs as. */
  own(folder: string): void;
}

/** The folder of PostgreSQL's programs, or undefined if there are none on this machine. */
export function findPostgres(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(DEBIAN, version, 'bin')), ...(process.env.PATH ?? '').split(':')];
  return folders.find((folder) => existsSync(join(folder, 'initdb')));
}

/** Why tests that need PostgreSQL are skipped; false if they are not. */
export const noPostgres: string | false =
  findPostgres() === undefined && 'PostgreSQL is not installed: apt-get install postgresql brings it';

export interface PostgresOptions {
  /** Of the superuser; without one, every connection is trusted. */
  password?: string;
  /** Whether connections can be encrypted. */
  tls?: boolean;
  /** PostgreSQL settings instead of those for tests: `fsync` and `synchronous_commit` are off by default. */
  settings?: Readonly<Record<string, string>>;
}

export async function startPostgres({ password, tls = false, settings = {} }: PostgresOptions = {}): Promise<Postgres> {
  const programs = findPostgres();
  if (programs === undefined) throw new Error(String(noPostgres));
  const home = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-postgres-')));
  const user = await findUnprivilegedUser();
  if (user !== undefined) chownSync(home, user.uid, user.gid);
  const folder = join(home, 'data');
  const secret = join(home, 'password');
  writeFileSync(secret, `${password}\n`, { mode: 0o644 });
  const trust = password === undefined ? ['-A', 'trust'] : ['-A', 'scram-sha-256', '--pwfile', secret];
  // English from ICU instead of "C", so that anything that relies on the byte order has to specify it.
  await run(
    join(programs, 'initdb'),
    ['-D', folder, '-U', 'partway', ...trust, '-E', 'UTF8', '--no-sync', ...ENGLISH],
    { ...user, cwd: home, env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' } },
  );

  const certificates = tls ? await createCertificates(home) : undefined;
  if (user && certificates) chownSync(certificates.key, user.uid, user.gid);
  const encrypted = certificates
    ? ['-c', 'ssl=on', '-c', `ssl_cert_file=${certificates.cert}`, '-c', `ssl_key_file=${certificates.key}`]
    : [];

  let port = 0;
  const url = () => `postgres://partway${password === undefined ? '' : `:${password}`}@127.0.0.1:${port}/postgres`;
  let child: ChildProcess | undefined;
  const end = async (signal: 'SIGINT' | 'SIGQUIT') => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  const start = async () => {
    const given = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const options = ['-D', folder, '-h', '127.0.0.1', '-p', String(port), ...TEST_OPTIONS, ...encrypted, ...given];
    child = spawn(join(programs, 'postgres'), options, {
      ...user,
      cwd: home,
      env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    killAtExit(child);
    await waitUntilReady(child, { url: url(), folder });
  };
  for (let left = PORT_ATTEMPTS; ; left--) {
    port = await findFreePort();
    try {
      await start();
      break;
    } catch (error) {
      if (left === 1 || !/Address already in use/.test(String(error))) throw error;
    }
  }
  return {
    url: url(),
    ca: certificates?.ca,
    start,
    stop: () => end('SIGINT'),
    kill: () => end('SIGQUIT'),
    own: (given) => user && chownSync(given, user.uid, user.gid),
    async [Symbol.asyncDispose]() {
      await end('SIGINT');
      deleteFolder(home);
    },
  };
}

const ENGLISH = ['--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en'];
/** A free port may be in use again before PostgreSQL opens it: by another test or an outgoing connection. */
const PORT_ATTEMPTS = 5;
/** No socket besides the port. Data survives the process but not the machine, which no test turns off. */
const TEST_OPTIONS = ['-k', '', '-F', '-N', '300'];

/** PostgreSQL does not run as root, so it uses the user of its package, or nobody. Undefined if we are not root. */
async function findUnprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const id = async (what: '-u' | '-g') => Number((await run('id', [what, name])).stdout);
    try {
      return { uid: await id('-u'), gid: await id('-g') };
    } catch {
      // There is no such user; the next one may exist.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody to run it as.');
}

async function waitUntilReady(child: ChildProcess, { url, folder }: { url: string; folder: string }): Promise<void> {
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-100_000);
  });
  const limit = performance.now() + START_LIMIT_MS;
  for (;;) {
    const client = new Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      const { rows } = await client.query('show data_directory').finally(() => client.end());
      // That of another test, which took the port first.
      if (rows[0]?.data_directory !== folder) throw new Error(`another PostgreSQL answers at ${url}`);
      return;
    } catch (error) {
      const over = child.exitCode !== null || performance.now() > limit;
      if (over) throw new Error(`PostgreSQL did not start:\n${log}`, { cause: error });
      await sleep(50);
    }
  }
}
