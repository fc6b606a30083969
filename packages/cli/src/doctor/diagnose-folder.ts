import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { databasePath } from '@partway/server/data-folder/data-folder';
import { checkDisk } from './check-disk.ts';
import type { Diagnosis } from './diagnosis.ts';

/** Checks a local data folder, whether or not a server has it open. */
export async function* diagnoseFolder(folder: string): AsyncGenerator<Diagnosis> {
  if (!existsSync(folder)) {
    const remedy = 'Start a server there once (partway serve), or set --data to its folder.';
    yield { check: 'folder', state: 'fail', message: `${folder} does not exist`, remedy };
    return;
  }
  yield* await checkFolder(folder);
  yield* await checkDisk(folder);
  yield await checkSync(folder);
}

/** Checks that a data folder has a database, is accessible only to its owner, and is on one file system. */
async function checkFolder(folder: string): Promise<Diagnosis[]> {
  const { mode, uid, dev } = await stat(folder);
  const diagnoses: Diagnosis[] = [];
  const add = (state: Diagnosis['state'], message: string, remedy?: string) =>
    diagnoses.push({ check: 'folder', state, message, ...(remedy !== undefined && { remedy }) });

  if ((await stat(databasePath(folder)).catch(() => undefined)) === undefined) {
    add('fail', `${folder} has no database`, 'Start a server there once, or set --data to its folder.');
  }
  if (process.getuid !== undefined && uid !== process.getuid()) {
    add('warn', `${folder} belongs to another user (${uid})`, 'Run the server and its commands as the same user.');
  }
  if ((mode & 0o077) !== 0) {
    const remedy = `It contains tokens and all files of all users. Run: chmod 700 ${folder}`;
    add('warn', `${folder} can be read by others (mode ${(mode & 0o777).toString(8)})`, remedy);
  }
  for (const name of ['staging', 'blobs']) {
    const stats = await stat(join(folder, name)).catch(() => undefined);
    if (stats === undefined || stats.dev === dev) continue;
    const remedy = 'Complete files are renamed from staging to blobs. Put the whole folder on one file system.';
    add('fail', `${join(folder, name)} is not on the file system of ${folder}`, remedy);
  }
  if (diagnoses.length === 0) add('ok', `${folder} is accessible only to its owner and on one file system`);
  return diagnoses;
}

const ROUNDS = 5;
const BLOCK = randomBytes(64 * 1024);
const SLOW_MILLIS = 100;

/** Checks whether a write in a data folder can be synced, and how long that takes. Deletes its file afterwards. */
async function checkSync(folder: string): Promise<Diagnosis> {
  const path = join(folder, `doctor-${randomBytes(6).toString('hex')}`);
  try {
    const millis = await measureSync(path);
    const message = `a write and its sync take ${millis.toFixed(1)} ms`;
    if (millis < SLOW_MILLIS) return { check: 'sync', state: 'ok', message };
    const remedy = 'Each part waits for a sync. Parallel parts help; a faster disk helps more.';
    return { check: 'sync', state: 'warn', message, remedy };
  } catch (error) {
    const message = `a write could not be synced: ${(error as Error).message}`;
    const remedy = 'The server cannot acknowledge anything. Check the disk, its free space, and the permissions.';
    return { check: 'sync', state: 'fail', message, remedy };
  } finally {
    await rm(path, { force: true });
  }
}

/** Returns the median of several syncs, in milliseconds. */
async function measureSync(path: string): Promise<number> {
  await using file = await open(path, 'wx', 0o600);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await file.write(BLOCK, 0, BLOCK.length, round * BLOCK.length);
    const startedAt = performance.now();
    await file.datasync();
    times.push(performance.now() - startedAt);
  }
  await using parent = await open(join(path, '..'), 'r');
  await parent.sync();
  return times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
}
