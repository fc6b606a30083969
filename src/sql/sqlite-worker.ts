/**
 * The thread in which SQLite runs: its commits wait for the disk, and that wait must not hold up the event loop.
 * One statement at a time, in the order in which they arrive.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

export type SqliteValue = string | number | bigint | null | Uint8Array;
export type SqliteRequest =
  | { id: number; kind: 'query'; sql: string; parameters: readonly SqliteValue[] }
  | { id: number; kind: 'close' };
export type SqliteReply =
  | { id: number; rows: Record<string, unknown>[]; changes: number }
  | { id: number; failure: { message: string; errcode: number | undefined } };

/** Statements kept ready. Kysely's texts recur, so a few hundred hold them all; the bound is for the ones that do not. */
const MOST_STATEMENTS = 500;

const port = parentPort;
if (port === null) throw new Error('sqlite-worker runs only as a worker thread');

const db = new DatabaseSync((workerData as { path: string }).path);
db.exec('pragma busy_timeout = 10000');
db.exec('pragma journal_mode = wal');
// FULL: a commit that was answered survives a power cut, not only a crash of the process.
db.exec('pragma synchronous = full');
db.exec('pragma foreign_keys = on');
const statements = new Map<string, StatementSync>();

port.on('message', (request: SqliteRequest) => {
  if (request.kind === 'close') {
    statements.clear();
    db.close();
    reply({ id: request.id, rows: [], changes: 0 });
    port.close();
    return;
  }
  try {
    const statement = prepared(request.sql);
    if (statement.columns().length > 0) {
      const rows = statement.all(...request.parameters) as Record<string, unknown>[];
      // Rows come without a prototype, which structured clone would restore anyway.
      reply({ id: request.id, rows, changes: rows.length });
    } else {
      const { changes } = statement.run(...request.parameters);
      reply({ id: request.id, rows: [], changes: Number(changes) });
    }
  } catch (error) {
    const { message, errcode } = error as Error & { errcode?: number };
    reply({ id: request.id, failure: { message, errcode } });
  }
});

function reply(message: SqliteReply): void {
  port?.postMessage(message);
}

function prepared(sql: string): StatementSync {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  if (statements.size >= MOST_STATEMENTS) statements.clear();
  const statement = db.prepare(sql);
  statements.set(sql, statement);
  return statement;
}
