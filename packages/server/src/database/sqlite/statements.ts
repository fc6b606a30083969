import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { toSafeNumber } from '../safe-number.ts';
import type { SqliteAnswer, SqliteValue } from './messages.ts';

/** Statements kept ready. Kysely's texts recur, so a few hundred hold them all; the bound is for the ones that do not. */
const MOST_STATEMENTS = 500;
/** What the rows of one answer may take, in bytes. The largest page of ours takes a tenth of it. */
const MOST_ANSWER_BYTES = 64 * 2 ** 20;
/** What a row and each of its values take beside their text. */
const ROW_BYTES = 64;
const VALUE_BYTES = 16;

interface Prepared {
  statement: StatementSync;
  /** Whether it returns rows. */
  returns: boolean;
  /** Whether it only reads, and so may run a second time. */
  reads: boolean;
}

/** The statements of one connection, prepared once each. */
export class SqliteStatements {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Runs one statement to its end. Numbers beyond 2^53 come as `toSafeNumber` has them. */
  run(sql: string, parameters: readonly SqliteValue[]): SqliteAnswer {
    const { statement, returns, reads } = this.#prepare(sql);
    if (!returns) return { rows: [], changes: Number(statement.run(...parameters).changes) };
    if (!reads) return rowsWithBigInts(statement, parameters);
    try {
      return answerOf(statement.iterate(...parameters), MOST_ANSWER_BYTES);
    } catch (error) {
      // Rare: BigInts for every number of every row would make each list slower.
      if ((error as { code?: string }).code === 'ERR_OUT_OF_RANGE') return rowsWithBigInts(statement, parameters);
      throw error;
    }
  }

  clear(): void {
    this.#prepared.clear();
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    if (this.#prepared.size >= MOST_STATEMENTS) this.#prepared.clear();
    const statement = this.#db.prepare(sql);
    const prepared = { statement, returns: statement.columns().length > 0, reads: /^\s*select\b/i.test(sql) };
    this.#prepared.set(sql, prepared);
    return prepared;
  }
}

function rowsWithBigInts(statement: StatementSync, parameters: readonly SqliteValue[]): SqliteAnswer {
  statement.setReadBigInts(true);
  try {
    return answerOf(statement.iterate(...parameters), MOST_ANSWER_BYTES);
  } finally {
    statement.setReadBigInts(false);
  }
}

function answerOf(found: Iterable<unknown>, most: number): SqliteAnswer {
  const rows: Record<string, unknown>[] = [];
  let bytes = 0;
  for (const each of found) {
    const row = each as Record<string, unknown>;
    bytes += ROW_BYTES;
    for (const column in row) {
      const value = row[column];
      bytes += VALUE_BYTES;
      if (typeof value === 'string') bytes += value.length;
      else if (value instanceof Uint8Array) bytes += value.length;
      else if (typeof value === 'number' || typeof value === 'bigint') row[column] = toSafeNumber(value);
    }
    if (bytes > most)
      throw new RangeError(`One answer of the database holds more than ${most} bytes: ask for fewer rows.`);
    rows.push(row);
  }
  return { rows, changes: rows.length };
}
