/**
 * A thread with one connection to the SQLite file: commits wait for the disk, and that wait must not hold up the event
 * loop. It runs one request at a time, in the order in which they arrive.
 */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { MOST_LOG_BYTES, SqliteLog } from './log.ts';
import type {
  SqliteFailure,
  SqliteOutcome,
  SqliteReply,
  SqliteRequest,
  SqliteStatement,
  SqliteWorkerData,
} from './messages.ts';
import { makeRecoveredDurable } from './recovery.ts';
import { SqliteStatements } from './statements.ts';

/** How long a statement waits for another process that is writing, in milliseconds. */
const BUSY_TIMEOUT = 10_000;

/** The largest text or blob. Those of ours have some kilobytes. */
const MOST_VALUE_BYTES = 64 * 2 ** 20;

const port = parentPort;
if (port === null) throw new Error('sqlite-worker runs only as a worker thread');

const { path, readOnly } = workerData as SqliteWorkerData;
const db = openDatabase();
const statements = new SqliteStatements(db);
const log = readOnly ? undefined : new SqliteLog(db, path, BUSY_TIMEOUT);
reply({ kind: 'opened' });

port.on('message', (request: SqliteRequest) => {
  if (request.kind === 'close') {
    statements.clear();
    db.close();
    reply({ kind: 'done', id: request.id, outcomes: [] });
    port.close();
    return;
  }
  const [first] = request.statements;
  const outcomes =
    request.statements.length === 1 && first !== undefined ? [outcomeOf(first)] : runTogether(request.statements);
  reply({ kind: 'done', id: request.id, outcomes });
  if (!db.isTransaction) log?.keepShort();
});

function openDatabase(): DatabaseSync {
  const opened = new DatabaseSync(path, { readOnly, timeout: BUSY_TIMEOUT, limits: { length: MOST_VALUE_BYTES } });
  if (readOnly) return opened;
  // FULL: a commit that was answered survives a power cut, not only a crash of the process.
  opened.exec('pragma synchronous = full');
  opened.exec('pragma journal_mode = wal');
  opened.exec(`pragma journal_size_limit = ${MOST_LOG_BYTES}`);
  opened.exec('pragma foreign_keys = on');
  makeRecoveredDurable(opened, path);
  return opened;
}

/**
 * Runs statements in one transaction, so that one sync of the disk serves them all. A statement that fails undoes only
 * itself. Where the transaction fails (its commit, or a full disk in the middle), nothing stays and all have that failure.
 */
function runTogether(together: readonly SqliteStatement[]): SqliteOutcome[] {
  let failure: SqliteFailure | undefined;
  try {
    db.exec('begin immediate');
    const outcomes = [];
    for (const statement of together) {
      const outcome = outcomeOf(statement);
      outcomes.push(outcome);
      // SQLite has rolled everything back by itself, for want of room or memory.
      if (!db.isTransaction) {
        failure = 'failure' in outcome ? outcome.failure : undefined;
        throw new Error('the transaction was rolled back');
      }
    }
    db.exec('commit');
    return outcomes;
  } catch (error) {
    if (db.isTransaction) db.exec('rollback');
    failure ??= failureOf(error);
    return together.map(() => ({ failure }) as SqliteOutcome);
  }
}

function outcomeOf({ sql, parameters }: SqliteStatement): SqliteOutcome {
  try {
    return statements.run(sql, parameters);
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

function failureOf(error: unknown): SqliteFailure {
  const { message, errcode } = error as Error & { errcode?: number };
  return { message, errcode };
}

function reply(message: SqliteReply): void {
  port?.postMessage(message);
}
