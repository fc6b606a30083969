import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { bytesText } from '../output/quantities.ts';
import type { Diagnosis } from './diagnosis.ts';
import { fileSystemOf } from './file-systems.ts';

const LEAST_BYTES = 200 * 1024 * 1024;
const FEW_BYTES = 5 * 1024 ** 3;
const FEW_FILES = 0.05;

/** Room in a data folder, and what kind of file system it is. `figures` is what statfs gives. */
export async function checkDisk(folder: string, figures?: StatsFs): Promise<Diagnosis[]> {
  const { type, bavail, bsize, blocks, files, ffree } = figures ?? (await statfs(folder));
  const [free, all] = [bavail * bsize, blocks * bsize];
  const found: Diagnosis[] = [];

  const { name, trouble } = fileSystemOf(type);
  if (trouble === undefined) found.push({ check: 'disk', state: 'ok', message: `${folder} is on ${name}` });
  else
    found.push({ check: 'disk', state: trouble.state, message: `${folder} is on ${name}`, remedy: `${trouble.why}.` });

  const room = `${bytesText(free)} of ${bytesText(all)} are free`;
  const remedy = 'Uploads are refused with 507 once it is full: make room (docs/operating.md says what frees space).';
  if (free < LEAST_BYTES) found.push({ check: 'disk', state: 'fail', message: room, remedy });
  else if (free < FEW_BYTES) found.push({ check: 'disk', state: 'warn', message: room, remedy });
  else found.push({ check: 'disk', state: 'ok', message: room });

  // Some file systems have no fixed number of files, and say 0.
  if (files > 0 && ffree / files < FEW_FILES) {
    const message = `${ffree} of ${files} files are left`;
    found.push({ check: 'disk', state: 'warn', message, remedy: 'Each content is a file: make room for more inodes.' });
  }
  return found;
}
