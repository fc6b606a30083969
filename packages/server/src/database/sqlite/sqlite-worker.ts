/**
 * A thread with one connection to the SQLite file, because commits wait for the disk, which would block the event loop. It
 * runs one request at a time, in the order of arrival.
 */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { serveRequests } from '../../util/worker-client.ts';
import { MAX_LOG_BYTES, SqliteLog } from './log.ts';
import type { SqliteFailure, SqliteOutcome, SqliteRequest, SqliteStatement, SqliteWorkerData } from './messages.ts';
import { makeRecoveredDurable } from './recovery.ts';
import { SqliteStatements } from './statements.ts';

/** How long a statement waits for another process that is writing, in milliseconds. */
const BUSY_TIMEOUT = 10_000;

/** The maximum size of a value. The largest ones that we store have a few kilobytes. */
const MAX_VALUE_BYTES = 64 * 2 ** 20;

const { path, readOnly } = workerData as SqliteWorkerData;
const db = openDatabase();
const statements = new SqliteStatements(db);
const log = readOnly ? undefined : new SqliteLog(db, path, BUSY_TIMEOUT);

serveRequests<SqliteRequest, SqliteOutcome[]>((request, reply) => {
  if (request.kind === 'open') return reply([]);
  if (request.kind === 'close') {
    statements.clear();
    db.close();
    reply([]);
    parentPort?.close();
    return;
  }
  const [first] = request.statements;
  const outcomes =
    request.statements.length === 1 && first !== undefined ? [runStatement(first)] : runBatch(request.statements);
  reply(outcomes);
  if (!db.isTransaction) log?.truncateIfLong();
});

function openDatabase(): DatabaseSync {
  const opened = new DatabaseSync(path, { readOnly, timeout: BUSY_TIMEOUT, limits: { length: MAX_VALUE_BYTES } });
  if (readOnly) return opened;
  // FULL: an acknowledged commit survives a power cut, not only a crash of the process.
  opened.exec('pragma synchronous = full');
  opened.exec('pragma journal_mode = wal');
  opened.exec(`pragma journal_size_limit = ${MAX_LOG_BYTES}`);
  opened.exec('pragma foreign_keys = on');
  makeRecoveredDurable(opened, path);
  return opened;
}

/**
 * Runs statements in one transaction, so that they share one sync of the disk. A failing statement undoes only itself. If
 * the transaction fails (at the commit, or because the disk is full), all statements fail with its error.
 */
function runBatch(batch: readonly SqliteStatement[]): SqliteOutcome[] {
  let failure: SqliteFailure | undefined;
  try {
    db.exec('begin immediate');
    const outcomes = [];
    for (const statement of batch) {
      const outcome = runStatement(statement);
      outcomes.push(outcome);
      // SQLite has rolled everything back by itself, because it was out of disk space or memory.
      if (!db.isTransaction) {
        failure = 'failure' in outcome ? outcome.failure : undefined;
        throw new Error('The transaction was rolled back.');
      }
    }
    db.exec('commit');
    return outcomes;
  } catch (error) {
    if (db.isTransaction) db.exec('rollback');
    failure ??= toFailure(error);
    return batch.map(() => ({ failure }) as SqliteOutcome);
  }
}

function runStatement({ sql, parameters }: SqliteStatement): SqliteOutcome {
  try {
    return statements.run(sql, parameters);
  } catch (error) {
    return { failure: toFailure(error) };
  }
}

function toFailure(error: unknown): SqliteFailure {
  const { message, errcode } = error as Error & { errcode?: number };
  return { message, errcode };
}
