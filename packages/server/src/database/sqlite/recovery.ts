import { closeSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

/**
 * Syncs what SQLite recovers when it opens a file. If a process was killed after writing a transaction to the log but before
 * syncing it, the transaction is only in the kernel's memory. SQLite recovers it without a sync. After this call, it survives
 * a power cut. Every process that opens the file for writing does this, even if another one has it open. Throws if the sync
 * fails.
 */
export function makeRecoveredDurable(db: DatabaseSync, path: string): void {
  // The first read recovers the log.
  db.prepare('select count(*) from sqlite_schema').get();
  // Do not open the two other files: they have SQLite's locks, and closing them here would release the locks.
  sync(`${path}-wal`);
  // The names of the file and its log, if one of them is new.
  sync(dirname(path));
  checkpoint(db);
}

/**
 * Writes the recovered pages again, into the database file: if a sync of the log failed earlier, the kernel considers its
 * pages written. Best effort: other readers and writers, or a full disk, can prevent it.
 */
function checkpoint(db: DatabaseSync): void {
  try {
    db.exec('pragma wal_checkpoint(passive)');
  } catch {
    // The log is synced. The next checkpoint tries again, and if that fails, a commit fails.
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
