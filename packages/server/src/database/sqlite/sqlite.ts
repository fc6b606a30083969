import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  type SelectModifierNode,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { Tables } from '../schema.ts';
import { rejectInvalidText } from '../values.ts';
import type { SqliteResult, SqliteStatement, SqliteValue } from './messages.ts';
import { SqliteReaders } from './readers.ts';
import { type AcquiredWriter, SqliteWriter } from './writer.ts';

/** The default number of reader threads. */
const READERS = 2;

export interface SqliteOptions {
  /** The number of read-only connections. With 0, the writer also runs the reads, which saves threads in short commands. */
  readers?: number;
  /** Called with the reason when a thread has ended unexpectedly. The thread is replaced. */
  onThreadExit?: (error: Error) => void;
}

/** Opens the SQLite file at `path`, and creates it if it is missing. `destroy()` closes it cleanly. */
export function openSqlite(path: string, options: SqliteOptions = {}): Kysely<Tables> {
  const dialect: Dialect = {
    createAdapter: () => new ConcurrentSqliteAdapter(),
    createDriver: () => new SqliteDriver(path, options),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new CompilerWithoutRowLocks(),
  };
  return new Kysely<Tables>({ dialect });
}

class ConcurrentSqliteAdapter extends SqliteAdapter {
  /** Kysely's default for SQLite is false. Then a crash during the first migration would leave tables that block later starts. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }

  /** Otherwise Kysely uses one connection at a time, so that reads would wait for writers. */
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** Provides connections that run each statement on the writer or a reader. During a transaction, they keep the writer. */
class SqliteDriver implements Driver {
  readonly #path: string;
  readonly #options: SqliteOptions;
  #writer: SqliteWriter | undefined;
  #readers: SqliteReaders | undefined;
  #inUse = 0;
  #allReleased = Promise.withResolvers<void>();

  constructor(path: string, options: SqliteOptions) {
    this.#path = path;
    this.#options = options;
  }

  async init(): Promise<void> {
    const { readers = READERS, onThreadExit = () => {} } = this.#options;
    this.#writer = new SqliteWriter(this.#path, onThreadExit);
    if (readers > 0) this.#readers = new SqliteReaders(this.#path, readers, onThreadExit);
  }

  async acquireConnection(): Promise<SqliteConnection> {
    if (this.#writer === undefined) throw new Error('The database is not open.');
    this.#inUse += 1;
    return new SqliteConnection(this.#writer, this.#readers);
  }

  async releaseConnection(connection: SqliteConnection): Promise<void> {
    connection.release();
    this.#inUse -= 1;
    if (this.#inUse === 0) this.#allReleased.resolve();
  }

  beginTransaction(connection: SqliteConnection): Promise<void> {
    return connection.begin();
  }

  commitTransaction(connection: SqliteConnection): Promise<void> {
    return connection.commit();
  }

  rollbackTransaction(connection: SqliteConnection): Promise<void> {
    return connection.rollback();
  }

  /** Waits for connections in use. The writer closes last, because the last one empties and removes the log. */
  async destroy(): Promise<void> {
    while (this.#inUse > 0) {
      this.#allReleased = Promise.withResolvers();
      await this.#allReleased.promise;
    }
    await this.#readers?.close();
    await this.#writer?.close();
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #writer: SqliteWriter;
  readonly #readers: SqliteReaders | undefined;
  /** The writer, during a transaction. */
  #acquired: AcquiredWriter | undefined;

  constructor(writer: SqliteWriter, readers: SqliteReaders | undefined) {
    this.#writer = writer;
    this.#readers = readers;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, changes } = await this.#run(query);
    return { rows: rows as R[], numAffectedRows: BigInt(changes) };
  }

  // biome-ignore lint/correctness/useYield: results are not streamed, because all pages are small.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('This connection does not support streaming. Request a page instead.');
  }

  async begin(): Promise<void> {
    this.#acquired = await this.#writer.acquire();
    // IMMEDIATE takes the write lock now: a later upgrade could fail half-way through.
    await this.#acquired.query(withoutParameters('begin immediate'));
  }

  async commit(): Promise<void> {
    await this.#acquired?.query(withoutParameters('commit'));
    this.release();
  }

  async rollback(): Promise<void> {
    try {
      await this.#acquired?.query(withoutParameters('rollback'));
    } catch (error) {
      // After a full disk or the end of the thread, it is already rolled back. Report the statement's own error then.
      if (!this.#acquired?.hasEnded && !String(error).includes('no transaction is active')) throw error;
    } finally {
      this.release();
    }
  }

  /** Releases the writer after a transaction. */
  release(): void {
    this.#acquired?.release();
    this.#acquired = undefined;
  }

  async #run(query: CompiledQuery): Promise<SqliteResult> {
    rejectInvalidText(query.parameters);
    const statement = { sql: query.sql, parameters: query.parameters as readonly SqliteValue[] };
    if (this.#acquired !== undefined) return this.#acquired.query(statement);
    const kind = statementKind(query);
    if (this.#readers !== undefined && kind === 'read') {
      // The writer opens the file first, because it syncs what it recovers before anything is read.
      await this.#writer.opened();
      return this.#readers.read(statement);
    }
    return kind === 'change' ? this.#writer.change(statement) : this.#runAlone(statement);
  }

  /** Runs a statement such as a pragma or `create table` by itself, because some of these cannot share a transaction. */
  async #runAlone(statement: SqliteStatement): Promise<SqliteResult> {
    const writer = await this.#writer.acquire();
    try {
      return await writer.query(statement);
    } finally {
      writer.release();
    }
  }
}

function withoutParameters(sql: string): SqliteStatement {
  return { sql, parameters: [] };
}

/** Whether a statement can run on any reader, or can share a transaction with other changes. */
function statementKind({ query: { kind }, sql }: CompiledQuery): 'read' | 'change' | 'other' {
  if (kind === 'SelectQueryNode') return 'read';
  if (kind === 'InsertQueryNode' || kind === 'UpdateQueryNode' || kind === 'DeleteQueryNode') return 'change';
  if (kind !== 'RawNode') return 'other';
  if (/^\s*select\b/i.test(sql)) return 'read';
  return /^\s*(?:insert|update|delete)\b/i.test(sql) ? 'change' : 'other';
}

const ROW_LOCKS: ReadonlySet<string | undefined> = new Set(['ForUpdate', 'ForNoKeyUpdate', 'ForShare', 'ForKeyShare']);

/** Omits the row locks that PostgreSQL needs. SQLite has only one writer at a time. */
class CompilerWithoutRowLocks extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (!ROW_LOCKS.has(node.modifier)) super.visitSelectModifier(node);
  }
}
