import type { SqliteResult, SqliteStatement } from './messages.ts';
import { SqliteThread } from './thread.ts';

interface Waiting {
  statement: SqliteStatement;
  resolve: (answer: SqliteResult) => void;
  reject: (error: unknown) => void;
}

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
  readonly #waiting: Waiting[] = [];
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
    const thread = this.#acquireThread();
    thread
      .query(waiting.statement)
      .then(waiting.resolve, waiting.reject)
      .finally(() => {
        this.#inUse -= 1;
        if (!thread.hasEnded) this.#idle.push(thread);
        this.#next();
      });
  }

  #acquireThread(): SqliteThread {
    for (let thread = this.#idle.pop(); thread !== undefined; thread = this.#idle.pop()) {
      if (!thread.hasEnded) return thread;
    }
    return new SqliteThread({ path: this.#path, readOnly: true, isReopening: true, onExit: this.#onExit });
  }
}
