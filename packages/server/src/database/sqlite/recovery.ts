import { closeSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

/**
 * Makes durable what SQLite finds when it opens a file: a process that was killed between writing a transaction into the
 * log and syncing it leaves the transaction in the kernel's memory, where SQLite recovers it and syncs nothing. From here
 * on it survives a power cut. Done by every process that opens the file to write, whether or not another one has it open.
 * Throws where the disk does not take it.
 */
export function makeRecoveredDurable(db: DatabaseSync, path: string): void {
  // The first read is what recovers the log.
  db.prepare('select count(*) from sqlite_schema').get();
  // SQLite's locks are on the two other files, which must not be closed here: that would end the locks.
  sync(`${path}-wal`);
  // The names of the file and its log, if one of them is new.
  sync(dirname(path));
  checkpoint(db);
}

/**
 * Writes the recovered pages a second time, into the file itself: if a sync of the log has failed before, the kernel takes
 * its pages for written. Readers and writers elsewhere keep it from nothing but its work, and so does a full disk.
 */
function checkpoint(db: DatabaseSync): void {
  try {
    db.exec('pragma wal_checkpoint(passive)');
  } catch {
    // What the log has is synced; the next checkpoint tries again, and its failure fails a commit.
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
