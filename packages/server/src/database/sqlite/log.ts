import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/** What the write-ahead log may take on the disk, in bytes; SQLite's own checkpoints keep it at a quarter of that. */
export const MOST_LOG_BYTES = 16 * 2 ** 20;
/** How long the writer waits for reads that are under way, in milliseconds. They are short by construction. */
const WAITS_FOR_READS = 1_000;

/**
 * Keeps the log within bounds where SQLite's own checkpoints cannot: one of many reads is always under way, so that the
 * log never begins again. Such a log is written into the file and emptied, while new reads go to the file.
 */
export class SqliteLog {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #busyTimeout: number;
  #most = MOST_LOG_BYTES;

  constructor(db: DatabaseSync, path: string, busyTimeout: number) {
    this.#db = db;
    this.#file = `${path}-wal`;
    this.#busyTimeout = busyTimeout;
  }

  /** Called after whatever may have made the log longer, outside a transaction. */
  keepShort(): void {
    const size = this.#size();
    if (size <= this.#most) return;
    this.#db.exec(`pragma busy_timeout = ${WAITS_FOR_READS}`);
    try {
      this.#db.exec('pragma wal_checkpoint(truncate)');
    } catch {
      // A full disk, say: what was committed is safe in the log, and the next one tries again.
    } finally {
      this.#db.exec(`pragma busy_timeout = ${this.#busyTimeout}`);
    }
    // Where a read of another process holds it, not every commit is to wait for that.
    this.#most = this.#size() <= MOST_LOG_BYTES ? MOST_LOG_BYTES : size + MOST_LOG_BYTES / 4;
  }

  #size(): number {
    return statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
  }
}
