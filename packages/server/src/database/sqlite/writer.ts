import type { SqliteResult, SqliteStatement } from './messages.ts';
import { resultOrThrow, SqliteThread } from './thread.ts';

/** The maximum number of statements that share a transaction. */
const MAX_BATCH = 250;
/** After the file could not be opened, requests within this many milliseconds fail with the same reason. */
const REOPEN_PAUSE = 1_000;

interface Pending {
  statement: SqliteStatement;
  resolve: (answer: SqliteResult) => void;
  reject: (error: unknown) => void;
}

type Job = { kind: 'statement'; pending: Pending } | { kind: 'acquire'; resolve: (writer: AcquiredWriter) => void };

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
  #jobs: Job[] = [];
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
    return new Promise((resolve, reject) => {
      this.#jobs.push({ kind: 'statement', pending: { statement, resolve, reject } });
      this.#next();
    });
  }

  /** Acquires the connection exclusively. Other requests wait until it is released. */
  acquire(): Promise<AcquiredWriter> {
    return new Promise((resolve) => {
      this.#jobs.push({ kind: 'acquire', resolve });
      this.#next();
    });
  }

  /** Closes the file. Call this when the connection is not in use and no statement is waiting. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  #next(): void {
    const [job] = this.#jobs;
    if (this.#isBusy || job === undefined) return;
    this.#isBusy = true;
    const onRelease = () => {
      this.#isBusy = false;
      this.#next();
    };
    if (job.kind === 'acquire') {
      this.#jobs.shift();
      job.resolve(new AcquiredWriter(this.#getThread(), onRelease));
    } else {
      void this.#runBatch(this.#takeBatch()).finally(onRelease);
    }
  }

  /**
   * Removes waiting statements from the queue, even those behind a waiting `acquire`. That one is next, so it does not wait
   * longer because of them.
   */
  #takeBatch(): Pending[] {
    const taken: Pending[] = [];
    this.#jobs = this.#jobs.filter((job) => {
      if (job.kind === 'acquire' || taken.length === MAX_BATCH) return true;
      taken.push(job.pending);
      return false;
    });
    return taken;
  }

  async #runBatch(batch: readonly Pending[]): Promise<void> {
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
