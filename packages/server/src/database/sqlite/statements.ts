import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { toSafeNumber } from '../safe-number.ts';
import type { SqliteResult, SqliteValue } from './messages.ts';

/** The maximum number of prepared statements. Kysely generates a few hundred different ones; the limit is for exceptions. */
const MAX_STATEMENTS = 500;
/** The maximum size of a result in memory. Our largest page has a tenth of that. */
const MAX_RESULT_BYTES = 64 * 2 ** 20;
/** The approximate memory of a row and of each of its values, without text. */
const ROW_BYTES = 64;
const VALUE_BYTES = 16;

interface Prepared {
  statement: StatementSync;
  /** Whether it returns rows. */
  returnsRows: boolean;
  /** Whether it only reads, so that it can run a second time. */
  isRead: boolean;
}

/** Runs the statements of one connection, and prepares each only once. */
export class SqliteStatements {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Runs one statement to its end. Numbers beyond 2^53 are converted by `toSafeNumber`. */
  run(sql: string, parameters: readonly SqliteValue[]): SqliteResult {
    const { statement, returnsRows, isRead } = this.#prepare(sql);
    if (!returnsRows) return { rows: [], changes: Number(statement.run(...parameters).changes) };
    if (!isRead) return runWithBigInts(statement, parameters);
    try {
      return collectRows(statement.iterate(...parameters), MAX_RESULT_BYTES);
    } catch (error) {
      // This is rare. BigInts for all numbers would make every query slower.
      if ((error as { code?: string }).code === 'ERR_OUT_OF_RANGE') return runWithBigInts(statement, parameters);
      throw error;
    }
  }

  clear(): void {
    this.#prepared.clear();
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    if (this.#prepared.size >= MAX_STATEMENTS) this.#prepared.clear();
    const statement = this.#db.prepare(sql);
    const prepared = { statement, returnsRows: statement.columns().length > 0, isRead: /^\s*select\b/i.test(sql) };
    this.#prepared.set(sql, prepared);
    return prepared;
  }
}

function runWithBigInts(statement: StatementSync, parameters: readonly SqliteValue[]): SqliteResult {
  statement.setReadBigInts(true);
  try {
    return collectRows(statement.iterate(...parameters), MAX_RESULT_BYTES);
  } finally {
    statement.setReadBigInts(false);
  }
}

function collectRows(results: Iterable<unknown>, maxBytes: number): SqliteResult {
  const rows: Record<string, unknown>[] = [];
  let bytes = 0;
  for (const result of results) {
    const row = result as Record<string, unknown>;
    bytes += ROW_BYTES;
    for (const column in row) {
      const value = row[column];
      bytes += VALUE_BYTES;
      if (typeof value === 'string') bytes += value.length;
      else if (value instanceof Uint8Array) bytes += value.length;
      else if (typeof value === 'number' || typeof value === 'bigint') row[column] = toSafeNumber(value);
    }
    if (bytes > maxBytes)
      throw new RangeError(`The result of a query is larger than ${maxBytes} bytes. Request fewer rows.`);
    rows.push(row);
  }
  return { rows, changes: rows.length };
}
