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
  /** The maximum number of connections of this process. Further requests wait. */
  connections?: number;
  /** The timeout of a statement, in milliseconds; 0 for none. */
  statementTimeout?: number;
}

/** Statements that take longer are canceled, because the client has disconnected by then. */
const STATEMENT_TIMEOUT = 60_000;
/** How long a statement waits for a row that another transaction has locked. */
const LOCK_TIMEOUT = 10_000;
/** A transaction that is idle for longer is rolled back, so that a node that hangs releases its locks. */
const IDLE_IN_TRANSACTION = 30_000;
/** How long to wait for a connection, new or from the pool. */
const CONNECT_TIMEOUT = 10_000;
/** If the server is still not responding this long after the statement timeout, the connection counts as lost. */
const RESPONSE_TIMEOUT = 5_000;
const IDLE_TIMEOUT = 60_000;
/** Connections are replaced after this time, so that all nodes notice a failover or a DNS change. */
const LIFETIME_SECONDS = 1800;

/**
 * Opens the PostgreSQL database at `url`. The variables of libpq (PGHOST, PGPASSWORD, …) provide what the URL omits. Connects
 * at the first statement. Statements throw `unavailable` if the server does not respond, and `full` if its disk is full.
 * `destroy()` waits for statements in progress.
 */
export function openPostgres(url: string, options: PostgresOptions = {}): Kysely<Tables> {
  const dialect: Dialect = {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PostgresDriver({ pool: new PoolWithMappedErrors(createPool(url, options)) }),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new ByteOrderCompiler(),
  };
  // `in ()` is a syntax error here, and false in SQLite.
  const handleEmptyLists = new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression });
  return new Kysely<Tables>({ dialect, plugins: [handleEmptyLists] });
}

function createPool(url: string, { connections = 10, statementTimeout = STATEMENT_TIMEOUT }: PostgresOptions): Pool {
  const pool = new Pool({
    connectionString: url,
    application_name: 'partway',
    max: connections,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    idleTimeoutMillis: IDLE_TIMEOUT,
    maxLifetimeSeconds: LIFETIME_SECONDS,
    allowExitOnIdle: true,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    statement_timeout: statementTimeout,
    query_timeout: statementTimeout && statementTimeout + RESPONSE_TIMEOUT,
    lock_timeout: LOCK_TIMEOUT,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION,
    types: NUMBER_PARSERS,
  });
  // An idle connection that breaks is replaced at its next use. Without listeners, its error would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** A pool that converts errors to `DatabaseError` and discards lost connections. */
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
      // A late response could still arrive and be taken for that of the next statement.
      this.#lost ||= isConnectionLost(error);
      throw postgresError(error);
    }
  }

  release(destroy = false): void {
    this.#client.release(destroy || this.#lost);
  }
}

/**
 * Gives every text column the collation "C", which compares bytes, as SQLite does. Otherwise the database's locale would
 * decide the order of names, and a page of a list could start at the wrong place.
 */
export class ByteOrderCompiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    super.visitDataType(node);
    const isColumn = this.parentNode !== undefined && ColumnDefinitionNode.is(this.parentNode);
    if (isColumn && node.dataType === 'text') this.append(' collate "C"');
  }
}

/** int8, and numeric, the type of a sum of int8. */
const NUMBER_TYPES: ReadonlySet<number> = new Set([types.builtins.INT8, types.builtins.NUMERIC]);

/** Returns these types as JavaScript numbers, as SQLite does, even beyond 2^53. */
export const NUMBER_PARSERS: CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    return NUMBER_TYPES.has(oid) && format !== 'binary' ? parseNumber : types.getTypeParser(oid, format);
  },
} as CustomTypesConfig;

function parseNumber(text: string): number {
  return toSafeNumber(Number(text));
}

/** Ensures that a PostgreSQL database can store all names, and sorts them by the same bytes as SQLite. */
export async function requireUtf8(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ encoding: string }>`select current_setting('server_encoding') as encoding`.execute(db);
  const encoding = rows[0]?.encoding;
  if (encoding === 'UTF8') return;
  throw new Error(
    `The database's encoding is ${encoding}, which cannot represent all names. Create a database with: ` +
      `create database NAME encoding 'UTF8' template template0`,
  );
}
