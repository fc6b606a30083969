import type { SqliteAnswer, SqliteStatement } from './messages.ts';
import { resultOrThrow, SqliteThread } from './thread.ts';

/** How many statements share a transaction at most. */
const MOST_TOGETHER = 250;
/** After an attempt to open the file has failed, those who ask within so many milliseconds get the same reason. */
const OPENS_AGAIN_AFTER = 1_000;

interface Pending {
  statement: SqliteStatement;
  resolve: (answer: SqliteAnswer) => void;
  reject: (error: unknown) => void;
}

type Job = { kind: 'statement'; pending: Pending } | { kind: 'loan'; resolve: (loan: WriterLoan) => void };

/**
 * The one connection of a process that writes. It serves one at a time: a transaction has it until it ends, and single
 * statements that wait meanwhile are one transaction when their turn comes, so that however slow the disk is, they wait
 * for it together. If its thread ends, what was sent to it is refused as `unavailable`, and the next one who asks opens
 * the file again.
 */
export class SqliteWriter {
  readonly #path: string;
  readonly #onDeath: (error: Error) => void;
  #thread: SqliteThread;
  #triedAt: number;
  #wasOpen = false;
  #jobs: Job[] = [];
  #busy = false;

  constructor(path: string, onDeath: (error: Error) => void) {
    this.#path = path;
    this.#onDeath = onDeath;
    this.#triedAt = performance.now();
    this.#thread = this.#open(false);
  }

  /** Resolves once the file is open; rejects with the reason where it cannot be. Who only reads asks it first. */
  async opened(): Promise<void> {
    const thread = this.#usable();
    if (!thread.isOpen) await thread.opened;
  }

  /** Runs one statement that changes rows. It fails by itself, or with the transaction that it shares with others. */
  change(statement: SqliteStatement): Promise<SqliteAnswer> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ kind: 'statement', pending: { statement, resolve, reject } });
      this.#next();
    });
  }

  /** Lends the connection; what else comes waits until it is given back. */
  lend(): Promise<WriterLoan> {
    return new Promise((resolve) => {
      this.#jobs.push({ kind: 'loan', resolve });
      this.#next();
    });
  }

  /** Closes the file. Nothing is on loan, and nothing waits. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  #next(): void {
    const [job] = this.#jobs;
    if (this.#busy || job === undefined) return;
    this.#busy = true;
    const done = () => {
      this.#busy = false;
      this.#next();
    };
    if (job.kind === 'loan') {
      this.#jobs.shift();
      job.resolve(new WriterLoan(this.#usable(), done));
    } else {
      void this.#runTogether(this.#takeStatements()).finally(done);
    }
  }

  /** The statements that wait, also those behind a loan that waits: it is the next, and waits no longer for them. */
  #takeStatements(): Pending[] {
    const taken: Pending[] = [];
    this.#jobs = this.#jobs.filter((job) => {
      if (job.kind === 'loan' || taken.length === MOST_TOGETHER) return true;
      taken.push(job.pending);
      return false;
    });
    return taken;
  }

  async #runTogether(together: readonly Pending[]): Promise<void> {
    try {
      const outcomes = await this.#usable().run(together.map(({ statement }) => statement));
      for (const [at, { resolve, reject }] of together.entries()) {
        try {
          resolve(resultOrThrow(outcomes[at] ?? { failure: { message: 'no answer', errcode: undefined } }));
        } catch (error) {
          reject(error);
        }
      }
    } catch (error) {
      for (const { reject } of together) reject(error);
    }
  }

  #usable(): SqliteThread {
    if (this.#thread.isDead && (this.#thread.wasOpen || performance.now() - this.#triedAt > OPENS_AGAIN_AFTER)) {
      this.#triedAt = performance.now();
      this.#wasOpen ||= this.#thread.wasOpen;
      this.#thread = this.#open(this.#wasOpen);
    }
    return this.#thread;
  }

  #open(again: boolean): SqliteThread {
    return new SqliteThread({ path: this.#path, readOnly: false, again, onDeath: this.#onDeath });
  }
}

/** The connection while it is lent. It stays with the thread that it began on: a transaction ends with its thread. */
export class WriterLoan {
  readonly #thread: SqliteThread;
  readonly #done: () => void;
  #given = false;

  constructor(thread: SqliteThread, done: () => void) {
    this.#thread = thread;
    this.#done = done;
  }

  /** Whether the thread has ended, and with it whatever was not committed. */
  get isLost(): boolean {
    return this.#thread.isDead;
  }

  query(statement: SqliteStatement): Promise<SqliteAnswer> {
    return this.#thread.query(statement);
  }

  /** Once, however often it is called. */
  release(): void {
    if (this.#given) return;
    this.#given = true;
    this.#done();
  }
}
