import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/** The maximum size of the write-ahead log, in bytes. SQLite's own checkpoints usually keep it at a quarter of that. */
export const MAX_LOG_BYTES = 16 * 2 ** 20;
/** How long the writer waits for reads in progress, in milliseconds. All reads are short. */
const READ_TIMEOUT = 1_000;

/**
 * Limits the size of the log if SQLite's own checkpoints cannot: with many reads, one is always in progress, so SQLite never
 * restarts the log. Such a log is copied into the database file and emptied, while new reads use the file.
 */
export class SqliteLog {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #busyTimeout: number;
  #maxBytes = MAX_LOG_BYTES;

  constructor(db: DatabaseSync, path: string, busyTimeout: number) {
    this.#db = db;
    this.#file = `${path}-wal`;
    this.#busyTimeout = busyTimeout;
  }

  /** Call this outside a transaction after every write. */
  truncateIfLong(): void {
    const size = this.#size();
    if (size <= this.#maxBytes) return;
    this.#db.exec(`pragma busy_timeout = ${READ_TIMEOUT}`);
    try {
      this.#db.exec('pragma wal_checkpoint(truncate)');
    } catch {
      // For example, the disk is full. Committed data is safe in the log, and the next call tries again.
    } finally {
      this.#db.exec(`pragma busy_timeout = ${this.#busyTimeout}`);
    }
    // If a read of another process blocks this, not every commit should wait for it.
    this.#maxBytes = this.#size() <= MAX_LOG_BYTES ? MAX_LOG_BYTES : size + MAX_LOG_BYTES / 4;
  }

  #size(): number {
    return statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
  }
}
