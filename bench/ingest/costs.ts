import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BenchBody, BODY_PERIOD } from '../body.ts';
import { GIB, MIB } from '../support.ts';

const UPDATE = 8 * MIB;

/** Hashes a GiB from memory with OpenSSL's SHA-1, and returns the CPU seconds for each GB of 10^9 bytes. */
export function measureSha1Pass(): number {
  const body = new BenchBody();
  const hash = createHash('sha1');
  const before = process.cpuUsage();
  for (let offset = 0; offset < GIB; offset += UPDATE) hash.update(body.bytes(offset % BODY_PERIOD, UPDATE));
  hash.digest();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 / (GIB / 1e9);
}

/** Writes and syncs zeros with dd, and returns the seconds. */
export async function measureDd(folder: string, size: number): Promise<number> {
  const file = join(folder, 'dd');
  const start = performance.now();
  await promisify(execFile)('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', `count=${size / MIB}`, 'conv=fdatasync']);
  const seconds = (performance.now() - start) / 1000;
  await rm(file);
  return seconds;
}
