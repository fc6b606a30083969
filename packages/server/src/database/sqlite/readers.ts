import type { PendingStatement, SqliteResult, SqliteStatement } from './messages.ts';
import { SqliteThread } from './thread.ts';

/**
 * Read-only connections, each in its own thread, which is started when it is first needed. Each runs one statement at a
 * time, outside of transactions. A statement sees everything committed before its start, does not wait for the writer, and
 * keeps no snapshot that would block checkpoints. If a thread ends unexpectedly, its current statement fails, and the
 * thread is replaced.
 */
export class SqliteReaders {
  readonly #path: string;
  readonly #maxThreads: number;
  readonly #onExit: (error: Error) => void;
  readonly #idle: SqliteThread[] = [];
  readonly #waiting: PendingStatement[] = [];
  #inUse = 0;

  constructor(path: string, maxThreads: number, onExit: (error: Error) => void) {
    this.#path = path;
    this.#maxThreads = maxThreads;
    this.#onExit = onExit;
  }

  read(statement: SqliteStatement): Promise<SqliteResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ statement, resolve, reject });
      this.#next();
    });
  }

  /** Closes the file. Call this when no statement is waiting. */
  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((thread) => thread.close()));
  }

  #next(): void {
    if (this.#inUse === this.#maxThreads) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    this.#inUse += 1;
    void this.#run(waiting);
  }

  /** Never rejects. A thread that cannot be started fails the statement and frees its place. */
  async #run({ statement, resolve, reject }: PendingStatement): Promise<void> {
    let thread: SqliteThread | undefined;
    try {
      thread = this.#acquireThread();
      resolve(await thread.query(statement));
    } catch (error) {
      reject(error);
    }
    this.#inUse -= 1;
    if (thread !== undefined && !thread.hasEnded) this.#idle.push(thread);
    this.#next();
  }

  #acquireThread(): SqliteThread {
    for (let thread = this.#idle.pop(); thread !== undefined; thread = this.#idle.pop()) {
      if (!thread.hasEnded) return thread;
    }
    return new SqliteThread({ path: this.#path, readOnly: true, isReopening: true, onExit: this.#onExit });
  }
}
