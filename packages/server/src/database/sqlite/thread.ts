import { Worker } from 'node:worker_threads';
import { WorkerClient, workerUrl } from '../../util/worker-client.ts';
import { DatabaseError, referenceViolationError, uniqueViolationError } from '../errors.ts';
import type {
  SqliteFailure,
  SqliteOutcome,
  SqliteRequest,
  SqliteResult,
  SqliteStatement,
  SqliteWorkerData,
} from './messages.ts';

/** SQLite's primary result codes, the lowest byte of an error number. */
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
// Extended result codes: foreign key, unique key, primary key.
const SQLITE_CONSTRAINT_FOREIGNKEY = 787;
const SQLITE_CONSTRAINT_UNIQUE = 2067;
const SQLITE_CONSTRAINT_PRIMARYKEY = 1555;

/** The maximum heap of a thread, besides SQLite's own memory. A result has at most 64 MiB. */
const MAX_HEAP_MIB = 256;
/** The young generation of that heap, for rows. With Node's default of 48 MiB, a thread uses 6 MB more and is no faster. */
const YOUNG_GENERATION_MIB = 6;

interface SqliteThreadOptions extends SqliteWorkerData {
  /** Whether the file was open before. If so, a failure to open it is reported as temporary. */
  isReopening: boolean;
  /** Called with the reason when the thread ends unexpectedly after the file was open. */
  onExit: (error: Error) => void;
}

/** A connection to a database file in its own thread. A thread that has ended unexpectedly is not used again. */
export class SqliteThread {
  /** Resolves once the file is open and its content is durable. Rejects with the reason if it cannot be opened. */
  readonly opened: Promise<void>;
  readonly #client: WorkerClient<SqliteRequest, SqliteOutcome[]>;
  #isOpen = false;
  #isClosing = false;

  constructor({ path, readOnly, isReopening, onExit }: SqliteThreadOptions) {
    const worker = new Worker(workerUrl('sqlite-worker', import.meta.url), {
      workerData: { path, readOnly } satisfies SqliteWorkerData,
      name: readOnly ? 'sqlite-reader' : 'sqlite-writer',
      execArgv: ['--no-warnings'],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    });
    this.#client = new WorkerClient(worker, (cause) => {
      const wasOpen = this.#isOpen || isReopening;
      // After this, so that requests are rejected even if it throws.
      if (wasOpen && !this.#isClosing) queueMicrotask(() => onExit(cause));
      return wasOpen
        ? reopeningError(cause)
        : new Error(`The database could not be opened: ${cause.message}`, { cause });
    });
    this.opened = this.#client.request({ kind: 'open' }).then(() => {
      this.#isOpen = true;
    });
    // Avoid an unhandled rejection if no caller waits for it.
    this.opened.catch(() => {});
  }

  /** Whether the file is open. */
  get isOpen(): boolean {
    return this.#isOpen && !this.hasEnded;
  }

  /** Whether the file was ever open. */
  get wasOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether the thread has ended, so that all statements are rejected. */
  get hasEnded(): boolean {
    return this.#client.lostError !== undefined;
  }

  /** Runs one statement. If the disk is full, throws `full` and has no effect. */
  async query(statement: SqliteStatement): Promise<SqliteResult> {
    const [outcome] = await this.run([statement]);
    if (outcome === undefined) throw new Error('The database thread returned no outcome for a statement.');
    return resultOrThrow(outcome);
  }

  /** Runs statements, several of them in one transaction. Each has its own outcome, for `resultOrThrow`. */
  run(statements: readonly SqliteStatement[]): Promise<SqliteOutcome[]> {
    return this.#client.request({ kind: 'run', statements });
  }

  /** Finishes the statements that were sent, then closes the file. */
  async close(): Promise<void> {
    if (this.hasEnded) return;
    this.#isClosing = true;
    await this.#client.request({ kind: 'close' }).catch((error: unknown) => {
      // A thread that could not open the file, or has ended meanwhile, counts as closed.
      if (error !== this.#client.lostError) throw error;
    });
  }
}

/** Returns the result, or throws the failure as an error. */
export function resultOrThrow(outcome: SqliteOutcome): SqliteResult {
  if ('failure' in outcome) throw sqliteError(outcome.failure);
  return outcome;
}

function reopeningError(cause: Error): DatabaseError {
  return new DatabaseError('unavailable', 'The database is being reopened. Try again in a moment.', {
    cause,
    retryAfterSeconds: 1,
  });
}

function sqliteError(failure: SqliteFailure): Error {
  const primary = failure.errcode === undefined ? undefined : failure.errcode & 0xff;
  if (primary === SQLITE_FULL) {
    return new DatabaseError(
      'full',
      'The disk is full. Acknowledged data is safe. Try again when space is available.',
      { cause: failure },
    );
  }
  if (primary === SQLITE_BUSY) {
    return new DatabaseError('unavailable', 'Another process is writing to the database. Try again in a moment.', {
      cause: failure,
      retryAfterSeconds: 1,
    });
  }
  const { errcode } = failure;
  if (errcode === SQLITE_CONSTRAINT_FOREIGNKEY) return referenceViolationError(failure);
  if (errcode === SQLITE_CONSTRAINT_UNIQUE || errcode === SQLITE_CONSTRAINT_PRIMARYKEY) {
    return uniqueViolationError(failure);
  }
  return Object.assign(new Error(`SQLite: ${failure.message}`), { errcode: failure.errcode });
}
