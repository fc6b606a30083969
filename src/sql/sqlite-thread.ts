import { Worker } from 'node:worker_threads';
import { Refusal } from '../api/refusal.ts';
import type { SqliteReply, SqliteRequest, SqliteValue } from './sqlite-worker.ts';

/** SQLite's own number for "the disk is full". */
const SQLITE_FULL = 13;

export interface QueryAnswer {
  rows: Record<string, unknown>[];
  /** Rows changed, or rows returned by a statement that returns some. */
  changes: number;
}

/** A database file, open in a thread of its own. */
export class SqliteThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (answer: QueryAnswer) => void; reject: (error: Error) => void }>();
  #lastId = 0;
  #dead: Error | undefined;

  constructor(path: string) {
    // The extension is that of this file: .ts in a checkout, .js in a build.
    const entry = new URL(`./sqlite-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
    this.#worker = new Worker(entry, { workerData: { path }, execArgv: ['--no-warnings'] });
    this.#worker.unref();
    this.#worker.on('message', (reply: SqliteReply) => this.#settle(reply));
    this.#worker.on('error', (error: Error) => this.#die(error));
    this.#worker.on('exit', () => this.#die(new Error('the database is closed')));
  }

  /** Runs one statement. Rejects with `insufficient_storage` where the disk is full; nothing of it stays then. */
  query(sql: string, parameters: readonly SqliteValue[]): Promise<QueryAnswer> {
    return this.#send((id) => ({ id, kind: 'query', sql, parameters }));
  }

  /** Runs what has been sent, then closes the file. */
  async close(): Promise<void> {
    if (this.#dead !== undefined) return;
    await this.#send((id) => ({ id, kind: 'close' }));
  }

  #send(make: (id: number) => SqliteRequest): Promise<QueryAnswer> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = ++this.#lastId;
    // Referenced only while an answer is awaited, so that an idle database never holds the process.
    if (this.#waiting.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage(make(id));
    });
  }

  #settle(reply: SqliteReply): void {
    const waiter = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('failure' in reply) waiter?.reject(sqliteError(reply.failure));
    else waiter?.resolve(reply);
  }

  #die(error: Error): void {
    this.#dead ??= error;
    for (const waiter of this.#waiting.values()) waiter.reject(this.#dead);
    this.#waiting.clear();
  }
}

function sqliteError(failure: { message: string; errcode: number | undefined }): Error {
  if (failure.errcode === SQLITE_FULL) {
    return new Refusal(
      'insufficient_storage',
      'The disk is full. What was acknowledged is safe; send this again once there is room.',
      { cause: failure },
    );
  }
  return Object.assign(new Error(`SQLite: ${failure.message}`), { errcode: failure.errcode });
}
