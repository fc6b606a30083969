import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** The write lock of a database file, held like by another process: writes wait, for at most ten seconds. */
export interface HeldLock extends Disposable {
  release(): void;
}

export function lockDatabase(path: string): HeldLock {
  const other = new DatabaseSync(path, { timeout: 10_000 });
  other.exec('begin immediate');
  let held = true;
  const release = () => {
    if (!held) return;
    held = false;
    other.exec('commit');
    other.close();
  };
  return { release: release, [Symbol.dispose]: release };
}

/** The number of transactions in the write-ahead log: each was one sync. Uses SQLite's file format. */
export function countCommitsInLog(path: string): number {
  const log = readFileSync(`${path}-wal`);
  if (log.length < 32) return 0;
  const frame = 24 + log.readUInt32BE(8);
  const salts = log.subarray(16, 24);
  let commits = 0;
  for (let at = 32; at + frame <= log.length; at += frame) {
    // A frame from before the log restarted has other salts.
    if (!log.subarray(at + 8, at + 16).equals(salts)) break;
    if (log.readUInt32BE(at + 4) !== 0) commits += 1;
  }
  return commits;
}
