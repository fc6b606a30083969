import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Who has a data folder open. */
interface LockHolder {
  pid: number;
  host: string;
  since: string;
}

/** Another process has the folder open. */
export class FolderInUse extends Error {
  constructor(folder: string, holder: LockHolder | undefined) {
    const who = holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : 'another process';
    super(
      `The data folder ${folder} is in use by ${who}. Stop that server first, or give this one another PARTWAY_DATA.`,
    );
  }
}

/**
 * Takes the folder for this process, or throws `FolderInUse`. The lock is the operating system's, held through an
 * SQLite transaction that never ends: it goes with the process, however that dies, so no stale lock is ever left.
 * @returns Gives the folder back.
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
    // The holder may be just about to write it; who it is only serves the message.
    return undefined;
  }
}

function holderPath(folder: string): string {
  return join(folder, 'lock-holder.json');
}
