import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MILLIS = 25;
const SQLITE_BUSY = 5;

/**
 * Calls `work` while no other process has the lock of this file. It is a lock of the operating system, taken by an SQLite
 * transaction, so it ends with its process, however that ends (docs/decisions/0002-lock-the-data-folder-through-sqlite.md).
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // Loaded lazily: most commands only read.
  const { DatabaseSync } = await import('node:sqlite');
  const lock = new DatabaseSync(`${path}.lock`);
  try {
    while (!tryLock(lock)) await sleep(POLL_MILLIS);
    return await work();
  } finally {
    lock.close();
  }
}

function tryLock(lock: { exec(sql: string): void }): boolean {
  try {
    lock.exec('begin exclusive');
    return true;
  } catch (error) {
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY) return false;
    throw error;
  }
}
