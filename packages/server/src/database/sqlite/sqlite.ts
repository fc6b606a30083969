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
import { rejectBadText } from '../values.ts';
import type { SqliteAnswer, SqliteStatement, SqliteValue } from './messages.ts';
import { SqliteReaders } from './readers.ts';
import { SqliteWriter, type WriterLoan } from './writer.ts';

/** How many threads of a server read. */
const READERS = 2;

export interface SqliteOptions {
  /** Connections that only read; with 0, reads wait for the one that writes, and a short command needs no further thread. */
  readers?: number;
  /** Told why a thread of the database ended by itself. It is replaced. */
  onThreadDeath?: (error: Error) => void;
}

/** Opens the SQLite file at `path`, making it where there is none. `destroy()` closes it cleanly. */
export function openSqlite(path: string, options: SqliteOptions = {}): Kysely<Tables> {
  const dialect: Dialect = {
    createAdapter: () => new BesideEachOtherAdapter(),
    createDriver: () => new SqliteDriver(path, options),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new LocklessCompiler(),
  };
  return new Kysely<Tables>({ dialect });
}

class BesideEachOtherAdapter extends SqliteAdapter {
  /** Kysely leaves it out for SQLite; without it, a first start that dies half-way leaves tables that stop every later one. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }

  /** Or Kysely lends one connection at a time, and reads wait for writers after all. */
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** Lends connections that decide at each statement who runs it: the writer, which a transaction keeps, or a reader. */
class SqliteDriver implements Driver {
  readonly #path: string;
  readonly #options: SqliteOptions;
  #writer: SqliteWriter | undefined;
  #readers: SqliteReaders | undefined;
  #lent = 0;
  #allBack = Promise.withResolvers<void>();

  constructor(path: string, options: SqliteOptions) {
    this.#path = path;
    this.#options = options;
  }

  async init(): Promise<void> {
    const { readers = READERS, onThreadDeath = () => {} } = this.#options;
    this.#writer = new SqliteWriter(this.#path, onThreadDeath);
    if (readers > 0) this.#readers = new SqliteReaders(this.#path, readers, onThreadDeath);
  }

  async acquireConnection(): Promise<SqliteConnection> {
    if (this.#writer === undefined) throw new Error('the database is not open');
    this.#lent += 1;
    return new SqliteConnection(this.#writer, this.#readers);
  }

  async releaseConnection(connection: SqliteConnection): Promise<void> {
    connection.release();
    this.#lent -= 1;
    if (this.#lent === 0) this.#allBack.resolve();
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

  /** Waits for what is lent. The writer closes last: whoever closes last empties the log and removes it. */
  async destroy(): Promise<void> {
    while (this.#lent > 0) {
      this.#allBack = Promise.withResolvers();
      await this.#allBack.promise;
    }
    await this.#readers?.close();
    await this.#writer?.close();
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #writer: SqliteWriter;
  readonly #readers: SqliteReaders | undefined;
  /** The writer, while a transaction has it. */
  #loan: WriterLoan | undefined;

  constructor(writer: SqliteWriter, readers: SqliteReaders | undefined) {
    this.#writer = writer;
    this.#readers = readers;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, changes } = await this.#run(query);
    return { rows: rows as R[], numAffectedRows: BigInt(changes) };
  }

  // biome-ignore lint/correctness/useYield: nothing here streams; pages are small by construction.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('this connection does not stream: ask for a page');
  }

  async begin(): Promise<void> {
    this.#loan = await this.#writer.lend();
    // IMMEDIATE takes the write lock now: a later upgrade could fail half-way through.
    await this.#loan.query(plain('begin immediate'));
  }

  async commit(): Promise<void> {
    await this.#loan?.query(plain('commit'));
    this.release();
  }

  async rollback(): Promise<void> {
    try {
      await this.#loan?.query(plain('rollback'));
    } catch (error) {
      // It is rolled back already where the disk was full or the thread has ended; the statement's own error is the one to tell.
      if (!this.#loan?.isLost && !String(error).includes('no transaction is active')) throw error;
    } finally {
      this.release();
    }
  }

  /** Gives the writer back, if a transaction has it. */
  release(): void {
    this.#loan?.release();
    this.#loan = undefined;
  }

  async #run(query: CompiledQuery): Promise<SqliteAnswer> {
    rejectBadText(query.parameters);
    const statement = { sql: query.sql, parameters: query.parameters as readonly SqliteValue[] };
    if (this.#loan !== undefined) return this.#loan.query(statement);
    if (this.#readers !== undefined && isRead(query)) {
      // The writer opens the file first: it makes durable what it finds there, before anybody reads it.
      await this.#writer.opened();
      return this.#readers.read(statement);
    }
    return isChange(query) ? this.#writer.change(statement) : this.#alone(statement);
  }

  /** Such as a pragma, or a table that is made: not every one of these may share a transaction. */
  async #alone(statement: SqliteStatement): Promise<SqliteAnswer> {
    const loan = await this.#writer.lend();
    try {
      return await loan.query(statement);
    } finally {
      loan.release();
    }
  }
}

function plain(sql: string): SqliteStatement {
  return { sql, parameters: [] };
}

function isRead({ query: { kind }, sql }: CompiledQuery): boolean {
  return kind === 'SelectQueryNode' || (kind === 'RawNode' && /^\s*select\b/i.test(sql));
}

function isChange({ query: { kind }, sql }: CompiledQuery): boolean {
  if (kind === 'RawNode') return /^\s*(?:insert|update|delete)\b/i.test(sql);
  return kind === 'InsertQueryNode' || kind === 'UpdateQueryNode' || kind === 'DeleteQueryNode';
}

const ROW_LOCKS: ReadonlySet<string | undefined> = new Set(['ForUpdate', 'ForNoKeyUpdate', 'ForShare', 'ForKeyShare']);

/** Leaves out the row locks that PostgreSQL needs. SQLite has one writer at a time, who holds every row. */
class LocklessCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (!ROW_LOCKS.has(node.modifier)) super.visitSelectModifier(node);
  }
}
