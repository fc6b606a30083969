import { Worker } from 'node:worker_threads';
import { DatabaseError } from '../errors.ts';
import type {
  SqliteAnswer,
  SqliteFailure,
  SqliteOutcome,
  SqliteReply,
  SqliteRequest,
  SqliteStatement,
  SqliteWorkerData,
} from './messages.ts';

/** SQLite's own numbers; the higher bytes of an error number say more of it. */
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

/** What a thread may take beside SQLite's own memory; an answer is 64 MiB at most. */
const MOST_HEAP_MIB = 256;
/** Of that what rows are made in, which live for one answer: with Node's 48 a thread takes 6 MB more, and is no faster. */
const YOUNG_MIB = 6;

interface SqliteThreadOptions extends SqliteWorkerData {
  /** Whether the file was open before: that it cannot be opened now passes, as far as a caller knows. */
  again: boolean;
  /** Told why when the thread ends by itself after the file was open. */
  onDeath: (error: Error) => void;
}

/** A connection to a database file in a thread of its own. One that ends by itself is not used again. */
export class SqliteThread {
  /** Resolves once the file is open and what it holds is durable; rejects with the reason where it cannot be opened. */
  readonly opened: Promise<void>;
  readonly #worker: Worker;
  readonly #waiting = new Map<
    number,
    { resolve: (outcomes: SqliteOutcome[]) => void; reject: (error: Error) => void }
  >();
  readonly #opening = Promise.withResolvers<void>();
  readonly #again: boolean;
  readonly #onDeath: (error: Error) => void;
  #lastId = 0;
  #isOpen = false;
  #closing = false;
  #dead: Error | undefined;

  constructor({ path, readOnly, again, onDeath }: SqliteThreadOptions) {
    this.#again = again;
    this.#onDeath = onDeath;
    this.opened = this.#opening.promise;
    // Whoever waits for it hears of it; nobody has to.
    this.opened.catch(() => {});
    // The extension is that of this file: .ts in a checkout, .js in a build.
    const entry = new URL(`./sqlite-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
    this.#worker = new Worker(entry, {
      workerData: { path, readOnly } satisfies SqliteWorkerData,
      name: readOnly ? 'sqlite-reader' : 'sqlite-writer',
      execArgv: ['--no-warnings'],
      resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MIB, maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    this.#worker.unref();
    this.#worker.on('message', (reply: SqliteReply) => this.#hear(reply));
    this.#worker.on('error', (error: Error) => this.#die(error));
    this.#worker.on('exit', (code) => this.#die(new Error(`the database thread ended with code ${code}`)));
  }

  /** Whether the file is open. */
  get isOpen(): boolean {
    return this.#isOpen && this.#dead === undefined;
  }

  /** Whether it ever was. */
  get wasOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether it has ended: every statement is refused from then on. */
  get isDead(): boolean {
    return this.#dead !== undefined;
  }

  /** Runs one statement. Rejects with `insufficient_storage` where the disk is full; nothing of it stays then. */
  async query(statement: SqliteStatement): Promise<SqliteAnswer> {
    const [outcome] = await this.run([statement]);
    if (outcome === undefined) throw new Error('a statement was answered with nothing');
    return resultOrThrow(outcome);
  }

  /** Runs statements, several as one transaction. Each has an outcome of its own, for `answered`. */
  run(statements: readonly SqliteStatement[]): Promise<SqliteOutcome[]> {
    return this.#send((id) => ({ id, kind: 'run', statements }));
  }

  /** Runs what has been sent, then closes the file. */
  async close(): Promise<void> {
    if (this.#dead !== undefined) return;
    this.#closing = true;
    await this.#send((id) => ({ id, kind: 'close' })).catch((error: unknown) => {
      // One that could not be opened, or has ended meanwhile, is closed.
      if (error !== this.#dead) throw error;
    });
  }

  #send(make: (id: number) => SqliteRequest): Promise<SqliteOutcome[]> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = ++this.#lastId;
    // Referenced only while an answer is awaited, so that an idle database never holds the process.
    if (this.#waiting.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage(make(id));
    });
  }

  #hear(reply: SqliteReply): void {
    if (reply.kind === 'opened') {
      this.#isOpen = true;
      this.#opening.resolve();
      return;
    }
    const waiter = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    waiter?.resolve(reply.outcomes);
  }

  #die(error: Error): void {
    if (this.#dead !== undefined) return;
    const wasOpen = this.#isOpen || this.#again;
    this.#dead = wasOpen ? lost(error) : error;
    this.#opening.reject(this.#dead);
    for (const waiter of this.#waiting.values()) waiter.reject(this.#dead);
    this.#waiting.clear();
    if (wasOpen && !this.#closing) this.#onDeath(error);
  }
}

/** The answer, or the failure thrown as an error. */
export function resultOrThrow(outcome: SqliteOutcome): SqliteAnswer {
  if ('failure' in outcome) throw sqliteError(outcome.failure);
  return outcome;
}

function lost(cause: Error): DatabaseError {
  return new DatabaseError('unavailable', 'The database had to be opened again. Send this again in a moment.', {
    cause,
    retryAfterSeconds: 1,
  });
}

function sqliteError(failure: SqliteFailure): Error {
  const primary = failure.errcode === undefined ? undefined : failure.errcode & 0xff;
  if (primary === SQLITE_FULL) {
    return new DatabaseError(
      'full',
      'The disk is full. What was acknowledged is safe; send this again once there is room.',
      { cause: failure },
    );
  }
  if (primary === SQLITE_BUSY) {
    return new DatabaseError('unavailable', 'Another process holds the database. Send this again in a moment.', {
      cause: failure,
      retryAfterSeconds: 1,
    });
  }
  return Object.assign(new Error(`SQLite: ${failure.message}`), { errcode: failure.errcode });
}
