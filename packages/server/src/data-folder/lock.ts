import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** The process that has locked a data folder. */
interface LockHolder {
  pid: number;
  host: string;
  since: string;
}

/** Another process has locked the folder. */
export class FolderInUse extends Error {
  constructor(folder: string, holder: LockHolder | undefined) {
    const user = holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : 'another process';
    super(
      `The data folder ${folder} is in use by ${user}. Stop that server first, or use another PARTWAY_DATA for this one.`,
    );
  }
}

/**
 * Locks the folder for this process, or throws `FolderInUse`. The lock is a lock of the operating system, taken by an
 * SQLite transaction that never ends. It ends with the process, however that ends, so it is never stale.
 * @returns A function that releases the lock.
 */
export function lockFolder(folder: string): () => void {
  const lock = new DatabaseSync(join(folder, 'lock'));
  try {
    lock.exec('pragma locking_mode = exclusive');
    lock.exec('begin exclusive');
  } catch (error) {
    lock.close();
    const { errcode } = error as { errcode?: number };
    if (errcode !== undefined && (errcode & 0xff) === SQLITE_BUSY) throw new FolderInUse(folder, readHolder(folder));
    throw error;
  }
  const holder: LockHolder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  writeFileSync(holderPath(folder), `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  return () => lock.close();
}

const SQLITE_BUSY = 5;

function readHolder(folder: string): LockHolder | undefined {
  try {
    return JSON.parse(readFileSync(holderPath(folder), 'utf8')) as LockHolder;
  } catch {
    // The holder may not have written the file yet. It is needed only for the message.
    return undefined;
  }
}

function holderPath(folder: string): string {
  return join(folder, 'lock-holder.json');
}
