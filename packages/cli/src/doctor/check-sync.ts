import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Diagnosis } from './diagnosis.ts';

const ROUNDS = 5;
const BLOCK = randomBytes(64 * 1024);
const SLOW_MILLIS = 100;

/** Whether a write in a data folder can be synced, and how long that takes. What it writes is gone afterwards. */
export async function checkSync(folder: string): Promise<Diagnosis> {
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
