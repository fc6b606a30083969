import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** The write lock of a database file, held as another process holds it: what writes waits, for ten seconds at most. */
export interface HeldLock extends Disposable {
  giveBack(): void;
}

export function holdLock(path: string): HeldLock {
  const other = new DatabaseSync(path, { timeout: 10_000 });
  other.exec('begin immediate');
  let held = true;
  const giveBack = () => {
    if (!held) return;
    held = false;
    other.exec('commit');
    other.close();
  };
  return { giveBack, [Symbol.dispose]: giveBack };
}

/** How many transactions the write-ahead log holds: each was one sync of it. As SQLite's file format has them. */
export function commitsInLog(path: string): number {
  const log = readFileSync(`${path}-wal`);
  if (log.length < 32) return 0;
  const frame = 24 + log.readUInt32BE(8);
  const salts = log.subarray(16, 24);
  let commits = 0;
  for (let at = 32; at + frame <= log.length; at += frame) {
    // A frame from before the log began again has other salts.
    if (!log.subarray(at + 8, at + 16).equals(salts)) break;
    if (log.readUInt32BE(at + 4) !== 0) commits += 1;
  }
  return commits;
}
