import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { deleteAtExit, deleteFolder, killAtExit } from '../support/leftovers.ts';
import { findFreePort } from './find-free-port.ts';

const run = promisify(execFile);

/** Minimum part size as small as in the disk tests; Ceph's default is S3's limit of 5 MiB. */
const MIN_PART_BYTES = 1024;
const PROGRAMS = ['ceph', 'ceph-mon', 'ceph-mgr', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin'];
const DAEMON_LIMIT_MS = 120_000;

/**
 * A Ceph with one monitor, one manager, one disk in a file, and its S3 gateway, on free ports of 127.0.0.1. It stops
 * and its data is deleted when it is disposed of.
 */
export interface Ceph extends AsyncDisposable {
  /** The endpoint of its S3 gateway. */
  url: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** Why Ceph cannot be started on this machine; undefined if it can. */
export function cephSkipReason(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const missing = PROGRAMS.filter((program) => !folders.some((folder) => existsSync(join(folder, program))));
  if (missing.length === 0) return undefined;
  return `Ceph is not on this machine (${missing.join(', ')}); on Debian: apt-get install --no-install-recommends ceph-mon ceph-mgr ceph-osd radosgw ceph-common`;
}

/** Starts an empty Ceph; resolves when its S3 gateway responds, after about 15 seconds. */
export async function startCeph(): Promise<Ceph> {
  const folder = deleteAtExit(mkdtempSync(join(tmpdir(), 'partway-ceph-')));
  const [monitorPort, gatewayPort] = await Promise.all([findFreePort(), findFreePort()]);
  const conf = join(folder, 'ceph.conf');
  const fsid = randomUUID();
  await Promise.all(['mon', 'mgr', 'osd', 'rgw', 'run', 'log'].map((name) => mkdir(join(folder, name))));
  await writeFile(conf, configuration({ folder, fsid, monitorPort, gatewayPort }));
  await writeKeys(folder);

  const url = `http://127.0.0.1:${gatewayPort}`;
  // Random, so that tests recognize it wherever it should not be: a path can contain a name.
  const accessKeyId = randomBytes(10).toString('hex');
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
    // In the reverse order of their start.
    for (const child of daemons) await end(child);
    deleteFolder(folder);
  };

  try {
    const map = join(folder, 'monmap');
    const monitorAddress = `[v2:127.0.0.1:${monitorPort}]`;
    await run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', monitorAddress, map]);
    await run('ceph-mon', ['-c', conf, '--mkfs', '-i', 'a', '--monmap', map, '--keyring', join(folder, 'keyring')]);
    const monitor = daemon('ceph-mon', '-i', 'a');
    await waitUntilWorking(() => run('ceph', ['-c', conf, '--connect-timeout', '5', 'status']), monitor);
    daemon('ceph-mgr', '-i', 'x');
    const disk = randomUUID();
    await run('ceph', ['-c', conf, 'osd', 'new', disk]);
    await run('ceph-osd', ['-c', conf, '-i', '0', '--mkfs', '--osd-uuid', disk]);
    daemon('ceph-osd', '-i', '0');
    const gateway = daemon('radosgw', '-n', 'client.rgw');
    await waitUntilWorking(() => fetch(url), gateway);
    await run('radosgw-admin', [
      ...['-c', conf, '-n', 'client.rgw', 'user', 'create', '--uid', 'partway', '--display-name', 'partway'],
      ...['--access-key', accessKeyId, '--secret-key', secretAccessKey],
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    accessKeyId,
    secretAccessKey,
    [Symbol.asyncDispose]: stop,
  };
}

interface Locations {
  folder: string;
  fsid: string;
  monitorPort: number;
  gatewayPort: number;
}

/** One copy of everything on one disk (a sparse file of 20 GiB), few placement groups, little memory. */
function configuration({ folder, fsid, monitorPort, gatewayPort }: Locations): string {
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
rgw multipart min part size = ${MIN_PART_BYTES}
`;
}

/**
 * One keyring for all: anyone who can read it has all permissions, which is fine for a cluster that exists for one
 * test.
 */
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

/** Ceph's key format: type AES, seconds and nanoseconds of its creation, length, 16 random bytes; little-endian. */
function newCephKey(): string {
  const head = Buffer.alloc(12);
  head.writeUInt16LE(1, 0);
  head.writeUInt32LE(Math.floor(Date.now() / 1000), 2);
  head.writeUInt16LE(16, 10);
  return Buffer.concat([head, randomBytes(16)]).toString('base64');
}

/** Retries for two minutes while `daemon` is running. */
async function waitUntilWorking(ask: () => Promise<unknown>, daemon: ChildProcess): Promise<void> {
  const deadline = performance.now() + DAEMON_LIMIT_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      const over = daemon.exitCode !== null || performance.now() > deadline;
      if (over) throw new Error(`${daemon.spawnfile} did not start`, { cause: error });
      await sleep(100);
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  // There is no data to keep.
  const killTimer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(killTimer);
}
