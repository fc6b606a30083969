import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { deleteAtExit, deleteFolder, killAtExit } from '../support/leftovers.ts';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

/** Parts as small as the tests of the disk have them; Ceph's own limit is S3's 5 MiB, unless it is told otherwise. */
const LEAST_PART_BYTES = 1024;
const PROGRAMS = ['ceph', 'ceph-mon', 'ceph-mgr', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin'];
const DAEMON_LIMIT_MS = 120_000;

/**
 * A Ceph of one monitor, one manager, one disk in a file, and its S3 gateway, on free ports of 127.0.0.1. Disposed of,
 * it ends, and its data goes.
 */
export interface Ceph extends AsyncDisposable {
  /** Where its S3 gateway answers. */
  url: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** Why Ceph cannot be started on this machine; undefined where it can. */
export function whyNoCeph(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const missing = PROGRAMS.filter((program) => !folders.some((folder) => existsSync(join(folder, program))));
  if (missing.length === 0) return undefined;
  return `Ceph is not on this machine (${missing.join(', ')}); on Debian: apt-get install --no-install-recommends ceph-mon ceph-mgr ceph-osd radosgw ceph-common`;
}

/** Starts a Ceph with nothing in it; resolves once its S3 gateway answers, which takes about 15 seconds. */
export async function startCeph(): Promise<Ceph> {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-ceph-')));
  const [monitorPort, gatewayPort] = await Promise.all([freePort(), freePort()]);
  const conf = join(folder, 'ceph.conf');
  const fsid = randomUUID();
  await Promise.all(['mon', 'mgr', 'osd', 'rgw', 'run', 'log'].map((name) => mkdir(join(folder, name))));
  await writeFile(conf, configuration({ folder, fsid, monitorPort, gatewayPort }));
  await writeKeys(folder);

  const url = `http://127.0.0.1:${gatewayPort}`;
  const secretAccessKey = randomBytes(20).toString('hex');
  const daemons: ChildProcess[] = [];
  const daemon = (program: string, ...args: string[]): ChildProcess => {
    const log = openSync(join(folder, 'log', `${program}.out`), 'a');
    const child = spawn(program, ['-f', '-c', conf, ...args], { stdio: ['ignore', log, log] });
    killAtExit(child);
    daemons.unshift(child);
    return child;
  };
  const stop = async () => {
    // The last one started goes first.
    for (const child of daemons) await end(child);
    deleteFolder(folder);
  };

  try {
    const map = join(folder, 'monmap');
    const monitorAddress = `[v2:127.0.0.1:${monitorPort}]`;
    await run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', monitorAddress, map]);
    await run('ceph-mon', ['-c', conf, '--mkfs', '-i', 'a', '--monmap', map, '--keyring', join(folder, 'keyring')]);
    const monitor = daemon('ceph-mon', '-i', 'a');
    await untilItWorks(() => run('ceph', ['-c', conf, '--connect-timeout', '5', 'status']), monitor);
    daemon('ceph-mgr', '-i', 'x');
    const disk = randomUUID();
    await run('ceph', ['-c', conf, 'osd', 'new', disk]);
    await run('ceph-osd', ['-c', conf, '-i', '0', '--mkfs', '--osd-uuid', disk]);
    daemon('ceph-osd', '-i', '0');
    const gateway = daemon('radosgw', '-n', 'client.rgw');
    await untilItWorks(() => fetch(url), gateway);
    await run('radosgw-admin', [
      ...['-c', conf, '-n', 'client.rgw', 'user', 'create', '--uid', 'partway', '--display-name', 'partway'],
      ...['--access-key', 'partway', '--secret-key', secretAccessKey],
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    accessKeyId: 'partway',
    secretAccessKey,
    [Symbol.asyncDispose]: stop,
  };
}

interface Places {
  folder: string;
  fsid: string;
  monitorPort: number;
  gatewayPort: number;
}

/** One copy of everything on one disk (a file of 20 GiB that takes what was written), few placement groups, little memory. */
function configuration({ folder, fsid, monitorPort, gatewayPort }: Places): string {
  return `[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${monitorPort}]
keyring = ${folder}/keyring
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 2
osd pool default pgp num = 2
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 1
mon data avail crit = 1
run dir = ${folder}/run
admin socket = ${folder}/run/$name.asok
log file = ${folder}/log/$name.log
[mon.a]
mon data = ${folder}/mon
[mgr.x]
mgr data = ${folder}/mgr
[osd]
osd data = ${folder}/osd
bluestore block size = ${20 * 2 ** 30}
osd memory target = ${2 ** 30}
[client.rgw]
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${gatewayPort} tcp_nodelay=1
rgw multipart min part size = ${LEAST_PART_BYTES}
`;
}

/** One keyring for all: whoever can read it may do everything, as fits a cluster that lives for one test. */
async function writeKeys(folder: string): Promise<void> {
  const keys = [
    ['mon.', { mon: 'allow *' }],
    ['client.admin', { mon: 'allow *', mgr: 'allow *', osd: 'allow *' }],
    ['client.rgw', { mon: 'allow rw', osd: 'allow rwx', mgr: 'allow rw' }],
    ['mgr.x', { mon: 'allow profile mgr', osd: 'allow *' }],
    ['osd.0', { mon: 'allow profile osd', mgr: 'allow profile osd', osd: 'allow *' }],
  ] as const;
  const sections = keys.map(([name, caps]) => {
    const lines = Object.entries(caps).map(([of, cap]) => `\tcaps ${of} = "${cap}"`);
    return [`[${name}]`, `\tkey = ${newCephKey()}`, ...lines].join('\n');
  });
  await writeFile(join(folder, 'keyring'), `${sections.join('\n')}\n`, { mode: 0o600 });
}

/** Ceph's form of a key: type AES, seconds and nanoseconds of its making, length, 16 random bytes; little-endian. */
function newCephKey(): string {
  const head = Buffer.alloc(12);
  head.writeUInt16LE(1, 0);
  head.writeUInt32LE(Math.floor(Date.now() / 1000), 2);
  head.writeUInt16LE(16, 10);
  return Buffer.concat([head, randomBytes(16)]).toString('base64');
}

/** Asks again and again, as long as `daemon` runs, for two minutes. */
async function untilItWorks(ask: () => Promise<unknown>, daemon: ChildProcess): Promise<void> {
  const deadline = performance.now() + DAEMON_LIMIT_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      const over = daemon.exitCode !== null || performance.now() > deadline;
      if (over) throw new Error(`${daemon.spawnfile} did not come up`, { cause: error });
      await sleep(100);
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  // There is no data to keep.
  const impatience = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(impatience);
}
