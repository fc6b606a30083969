import {
  ColumnDefinitionNode,
  type DataTypeNode,
  type Dialect,
  HandleEmptyInListsPlugin,
  Kysely,
  PostgresAdapter,
  type PostgresClient,
  PostgresDriver,
  PostgresIntrospector,
  type PostgresPool,
  type PostgresPoolClient,
  PostgresQueryCompiler,
  replaceWithNoncontingentExpression,
  sql,
} from 'kysely';
import { type CustomTypesConfig, Pool, type PoolClient, types } from 'pg';
import { toSafeNumber } from '../safe-number.ts';
import type { Tables } from '../schema.ts';
import { isConnectionLost, postgresError } from './errors.ts';

export interface PostgresOptions {
  /** Connections of this process, at most; what asks for one more waits. */
  connections?: number;
  /** How long one statement may take, in milliseconds; 0 for as long as it needs. */
  statementTimeout?: number;
}

/** A statement of a request that takes longer than this is broken off: its client has long gone. */
const STATEMENT_TIMEOUT = 60_000;
/** A row that another transaction holds for longer is not waited for. */
const LOCK_TIMEOUT = 10_000;
/** A node that stands still within a transaction loses it, and with it what it holds. */
const IDLE_IN_TRANSACTION = 30_000;
/** For a connection, new or given back by somebody else. */
const CONNECT_TIMEOUT = 10_000;
/** After an answer that the server owes beyond its own timeout, the line is taken for dead. */
const IDLE_TIMEOUT = 5_000;
const IDLE_KEPT = 60_000;
/** So that after a failover, or a change of its name's address, no node stays where it was for long. */
const LIFETIME_SECONDS = 1800;

/**
 * Opens the PostgreSQL database at `url`; the variables that libpq reads (PGHOST, PGPASSWORD, …) stand in for what the
 * URL leaves out. Connects when it is first asked. Where the server is away or has no time, statements reject with the
 * refusal `unavailable`; where its disk is full, with `insufficient_storage`. `destroy()` waits for what is under way.
 */
export function openPostgres(url: string, options: PostgresOptions = {}): Kysely<Tables> {
  const dialect: Dialect = {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PostgresDriver({ pool: new PoolWithMappedErrors(makePool(url, options)) }),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new ByteOrderCompiler(),
  };
  // `in ()` is a syntax error here, and false in SQLite.
  const emptyLists = new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression });
  return new Kysely<Tables>({ dialect, plugins: [emptyLists] });
}

function makePool(url: string, { connections = 10, statementTimeout = STATEMENT_TIMEOUT }: PostgresOptions): Pool {
  const pool = new Pool({
    connectionString: url,
    application_name: 'partway',
    max: connections,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    idleTimeoutMillis: IDLE_KEPT,
    maxLifetimeSeconds: LIFETIME_SECONDS,
    allowExitOnIdle: true,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    statement_timeout: statementTimeout,
    query_timeout: statementTimeout && statementTimeout + IDLE_TIMEOUT,
    lock_timeout: LOCK_TIMEOUT,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION,
    types: numbersAsNumbers,
  });
  // A connection that breaks while nobody uses it is replaced at the next use; unheard, it would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** The pool, with its errors in our words, and without the connections that are no longer whole. */
class PoolWithMappedErrors implements PostgresPool {
  readonly options: object;
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.options = pool.options;
  }

  async connect(): Promise<PostgresPoolClient> {
    try {
      return new ClientWithMappedErrors(await this.#pool.connect());
    } catch (error) {
      throw postgresError(error);
    }
  }

  end(): Promise<void> {
    return this.#pool.end();
  }
}

class ClientWithMappedErrors implements PostgresPoolClient {
  readonly query: PostgresClient['query'];
  readonly #client: PoolClient;
  #lost = false;

  constructor(client: PoolClient) {
    this.#client = client;
    this.query = ((sql: string, parameters: readonly unknown[]) => this.#query(sql, parameters)) as typeof this.query;
  }

  async #query(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    try {
      return await this.#client.query(sql, parameters as unknown[]);
    } catch (error) {
      // An answer may still be on its way, and would be taken for the next one's.
      this.#lost ||= isConnectionLost(error);
      throw postgresError(error);
    }
  }

  release(destroy = false): void {
    this.#client.release(destroy || this.#lost);
  }
}

/**
 * Makes every text column one that is compared byte by byte, as SQLite compares: else the database's own language would
 * decide which of two names comes first, and a page would go on elsewhere than it ended.
 */
export class ByteOrderCompiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    super.visitDataType(node);
    const isColumn = this.parentNode !== undefined && ColumnDefinitionNode.is(this.parentNode);
    if (isColumn && node.dataType === 'text') this.append(' collate "C"');
  }
}

/** int8, and numeric, which is what PostgreSQL makes of a sum of int8. */
const NUMBERS: ReadonlySet<number> = new Set([types.builtins.INT8, types.builtins.NUMERIC]);

/** Numbers as JavaScript's, as SQLite gives them, those beyond 2^53 too. */
export const numbersAsNumbers: CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    return NUMBERS.has(oid) && format !== 'binary' ? fromText : types.getTypeParser(oid, format);
  },
} as CustomTypesConfig;

function fromText(text: string): number {
  return toSafeNumber(Number(text));
}

/** Makes sure that a PostgreSQL database can hold every name, and orders names by the bytes that SQLite orders by. */
export async function requireUtf8(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ encoding: string }>`select current_setting('server_encoding') as encoding`.execute(db);
  const encoding = rows[0]?.encoding;
  if (encoding === 'UTF8') return;
  throw new Error(
    `The database's encoding is ${encoding}, in which not every name can be written. Make one with: ` +
      `create database NAME encoding 'UTF8' template template0`,
  );
}
