import type { SqliteAnswer, SqliteStatement } from './messages.ts';
import { SqliteThread } from './thread.ts';

interface Waiting {
  statement: SqliteStatement;
  resolve: (answer: SqliteAnswer) => void;
  reject: (error: unknown) => void;
}

/**
 * Connections that only read, each in a thread of its own, which is started when it is first needed. Each runs one
 * statement at a time, outside any transaction: it sees whatever has been committed when it begins, waits for no writer,
 * and keeps no snapshot that would hold up the checkpoints. A thread that ends by itself takes one statement with it, and
 * is replaced.
 */
export class SqliteReaders {
  readonly #path: string;
  readonly #most: number;
  readonly #onDeath: (error: Error) => void;
  readonly #idle: SqliteThread[] = [];
  readonly #waiting: Waiting[] = [];
  #busy = 0;

  constructor(path: string, most: number, onDeath: (error: Error) => void) {
    this.#path = path;
    this.#most = most;
    this.#onDeath = onDeath;
  }

  read(statement: SqliteStatement): Promise<SqliteAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ statement, resolve, reject });
      this.#next();
    });
  }

  /** Closes the file. Nothing waits any more. */
  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((thread) => thread.close()));
  }

  #next(): void {
    if (this.#busy === this.#most) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    this.#busy += 1;
    const thread = this.#take();
    thread
      .query(waiting.statement)
      .then(waiting.resolve, waiting.reject)
      .finally(() => {
        this.#busy -= 1;
        if (!thread.isDead) this.#idle.push(thread);
        this.#next();
      });
  }

  #take(): SqliteThread {
    for (let thread = this.#idle.pop(); thread !== undefined; thread = this.#idle.pop()) {
      if (!thread.isDead) return thread;
    }
    return new SqliteThread({ path: this.#path, readOnly: true, again: true, onDeath: this.#onDeath });
  }
}
