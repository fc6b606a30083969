import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { databasePath } from '@partway/server/data-folder/data-folder';
import { checkDisk } from './check-disk.ts';
import type { Diagnosis } from './diagnosis.ts';

/** Looks at a data folder on this machine, whether or not a server has it open. */
export async function* diagnoseFolder(folder: string): AsyncGenerator<Diagnosis> {
  if (!existsSync(folder)) {
    const remedy = 'Start a server there once (partway serve), or name its folder with --data.';
    yield { check: 'folder', state: 'fail', message: `${folder} is not there`, remedy };
    return;
  }
  yield* await checkFolder(folder);
  yield* await checkDisk(folder);
  yield await checkSync(folder);
}

/** Whether a data folder is there, is its owner's alone, and lies on one file system. */
async function checkFolder(folder: string): Promise<Diagnosis[]> {
  const { mode, uid, dev } = await stat(folder);
  const found: Diagnosis[] = [];
  const say = (state: Diagnosis['state'], message: string, remedy?: string) =>
    found.push({ check: 'folder', state, message, ...(remedy !== undefined && { remedy }) });

  if ((await stat(databasePath(folder)).catch(() => undefined)) === undefined) {
    say('fail', `${folder} has no database`, 'Start a server there once, or name its folder with --data.');
  }
  if (process.getuid !== undefined && uid !== process.getuid()) {
    say('warn', `${folder} belongs to another user (${uid})`, 'Run the server and its commands as the same user.');
  }
  if ((mode & 0o077) !== 0) {
    const remedy = `It holds tokens and everybody’s files: chmod 700 ${folder}`;
    say('warn', `${folder} can be read by others (mode ${(mode & 0o777).toString(8)})`, remedy);
  }
  for (const part of ['staging', 'blobs']) {
    const its = await stat(join(folder, part)).catch(() => undefined);
    if (its === undefined || its.dev === dev) continue;
    const remedy = 'A finished file is renamed from staging to content: put the whole folder on one file system.';
    say('fail', `${join(folder, part)} lies on another file system than ${folder}`, remedy);
  }
  if (found.length === 0) say('ok', `${folder} is its owner’s alone, on one file system`);
  return found;
}

const ROUNDS = 5;
const BLOCK = randomBytes(64 * 1024);
const SLOW_MILLIS = 100;

/** Whether a write in a data folder can be synced, and how long that takes. What it writes is gone afterwards. */
async function checkSync(folder: string): Promise<Diagnosis> {
  const path = join(folder, `doctor-${randomBytes(6).toString('hex')}`);
  try {
    const took = await timeSyncs(path);
    const message = `a write is on the disk after ${took.toFixed(1)} ms`;
    if (took < SLOW_MILLIS) return { check: 'sync', state: 'ok', message };
    const remedy = 'Each part waits for one sync: parts in parallel help, a faster disk helps more.';
    return { check: 'sync', state: 'warn', message, remedy };
  } catch (error) {
    const message = `a write could not be synced: ${(error as Error).message}`;
    const remedy = 'Nothing can be acknowledged there: look at the disk, at its room, and at who may write.';
    return { check: 'sync', state: 'fail', message, remedy };
  } finally {
    await rm(path, { force: true });
  }
}

/** The median of a few, in milliseconds. */
async function timeSyncs(path: string): Promise<number> {
  await using file = await open(path, 'wx', 0o600);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await file.write(BLOCK, 0, BLOCK.length, round * BLOCK.length);
    const began = performance.now();
    await file.datasync();
    times.push(performance.now() - began);
  }
  await using parent = await open(join(path, '..'), 'r');
  await parent.sync();
  return times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
}
