import type { PendingStatement, SqliteResult, SqliteStatement } from './messages.ts';
import { resultOrThrow, SqliteThread } from './thread.ts';

/** The maximum number of statements that share a transaction. */
const MAX_BATCH = 250;
/** After the file could not be opened, requests within this many milliseconds fail with the same reason. */
const REOPEN_PAUSE = 1_000;

interface PendingAcquisition {
  resolve: (writer: AcquiredWriter) => void;
  reject: (error: unknown) => void;
}

/**
 * The only connection of a process that writes. A transaction has it exclusively until it ends. Single statements that wait
 * meanwhile then share a transaction, so that they wait for the disk together. If its thread ends, statements in progress
 * fail with `unavailable`, and the next request opens the file again.
 */
export class SqliteWriter {
  readonly #path: string;
  readonly #onExit: (error: Error) => void;
  #thread: SqliteThread;
  #openedAt: number;
  #wasOpen = false;
  readonly #statements: PendingStatement[] = [];
  readonly #acquisitions: PendingAcquisition[] = [];
  #isBusy = false;

  constructor(path: string, onExit: (error: Error) => void) {
    this.#path = path;
    this.#onExit = onExit;
    this.#openedAt = performance.now();
    this.#thread = this.#open(false);
  }

  /** Resolves once the file is open. Rejects with the reason if it cannot be opened. Readers wait for this first. */
  async opened(): Promise<void> {
    const thread = this.#getThread();
    if (!thread.isOpen) await thread.opened;
  }

  /** Runs one statement that changes rows. It fails by itself, or with the shared transaction. */
  change(statement: SqliteStatement): Promise<SqliteResult> {
    const { promise, resolve, reject } = Promise.withResolvers<SqliteResult>();
    this.#statements.push({ statement, resolve, reject });
    if (!this.#isBusy) void this.#serve();
    return promise;
  }

  /** Acquires the connection exclusively. Other requests wait until it is released. */
  acquire(): Promise<AcquiredWriter> {
    const { promise, resolve, reject } = Promise.withResolvers<AcquiredWriter>();
    this.#acquisitions.push({ resolve, reject });
    if (!this.#isBusy) void this.#serve();
    return promise;
  }

  /** Closes the file. Call this when the connection is not in use and no statement is waiting. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  /** Serves a batch of statements and one acquisition in turns, until nothing is waiting. Never rejects. */
  async #serve(): Promise<void> {
    this.#isBusy = true;
    while (this.#statements.length > 0 || this.#acquisitions.length > 0) {
      if (this.#statements.length > 0) await this.#runBatch(this.#statements.splice(0, MAX_BATCH));
      const acquisition = this.#acquisitions.shift();
      if (acquisition !== undefined) await this.#lend(acquisition);
    }
    this.#isBusy = false;
  }

  /** Resolves when the connection has been released. */
  async #lend({ resolve, reject }: PendingAcquisition): Promise<void> {
    try {
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      resolve(new AcquiredWriter(this.#getThread(), release));
      await released;
    } catch (error) {
      reject(error);
    }
  }

  async #runBatch(batch: readonly PendingStatement[]): Promise<void> {
    try {
      const outcomes = await this.#getThread().run(batch.map(({ statement }) => statement));
      for (const [index, { resolve, reject }] of batch.entries()) {
        try {
          resolve(resultOrThrow(outcomes[index] ?? { failure: { message: 'no outcome', errcode: undefined } }));
        } catch (error) {
          reject(error);
        }
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  #getThread(): SqliteThread {
    if (this.#thread.hasEnded && (this.#thread.wasOpen || performance.now() - this.#openedAt > REOPEN_PAUSE)) {
      this.#openedAt = performance.now();
      this.#wasOpen ||= this.#thread.wasOpen;
      this.#thread = this.#open(this.#wasOpen);
    }
    return this.#thread;
  }

  #open(isReopening: boolean): SqliteThread {
    return new SqliteThread({ path: this.#path, readOnly: false, isReopening, onExit: this.#onExit });
  }
}

/** The connection while it is acquired. It stays with its thread, because a transaction ends with its thread. */
export class AcquiredWriter {
  readonly #thread: SqliteThread;
  readonly #onRelease: () => void;
  #released = false;

  constructor(thread: SqliteThread, onRelease: () => void) {
    this.#thread = thread;
    this.#onRelease = onRelease;
  }

  /** Whether the thread has ended, so that uncommitted changes are lost. */
  get hasEnded(): boolean {
    return this.#thread.hasEnded;
  }

  query(statement: SqliteStatement): Promise<SqliteResult> {
    return this.#thread.query(statement);
  }

  /** Idempotent. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#onRelease();
  }
}
