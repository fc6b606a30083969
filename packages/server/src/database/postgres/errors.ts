import { DatabaseError as PgError } from 'pg';
import { DatabaseError, referenceViolationError, uniqueViolationError } from '../errors.ts';
import { invalidTextError } from '../values.ts';

/**
 * SQLSTATEs of temporary errors (PostgreSQL documentation, appendix A): failed connections (08), too many connections
 * (53300), out of memory (53200), server stopping, starting or terminating us (57P), lock timeout (55P03), statement timeout
 * (57014), idle transaction (25P03), server has become a standby (25006), deadlock or serialization failure (40).
 */
const TEMPORARY = /^(?:08...|53[23]00|57P..|55P03|57014|25P03|25006|40...)$/;
/** The temporary errors after which the connection is lost or no longer usable. */
const CONNECTION_LOST = /^(?:08...|57P..|25P03|25006)$/;
const DISK_FULL = '53100';
const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';
/** Text that the database cannot store: the NUL character. */
const INVALID_TEXT = /^(?:22021|22P05)$/;

const RETRY_AFTER_SECONDS = 2;

/** Converts an error of `pg` to a `DatabaseError`. Returns errors that are neither temporary nor caused by input unchanged. */
export function postgresError(error: unknown): unknown {
  if (!(error instanceof PgError)) return isConnectionLost(error) ? unavailableError(error) : error;
  const code = error.code ?? '';
  if (TEMPORARY.test(code)) return unavailableError(error);
  if (code === DISK_FULL) {
    return new DatabaseError(
      'full',
      "The database's disk is full. Acknowledged data is safe. Try again when space is available.",
      { cause: error },
    );
  }
  if (code === UNIQUE_VIOLATION) return uniqueViolationError(error);
  if (code === FOREIGN_KEY_VIOLATION) return referenceViolationError(error);
  if (INVALID_TEXT.test(code)) return invalidTextError(error);
  return error;
}

/** Whether the connection can no longer be used: the server or the network ended it, or a response is overdue. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof PgError) return CONNECTION_LOST.test(error.code ?? '');
  // Other errors come from the socket or from pg's timers. A bug in our code would be a TypeError or RangeError.
  return error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError);
}

function unavailableError(cause: unknown): DatabaseError {
  return new DatabaseError('unavailable', 'The database is not responding. Try again in a moment.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause,
  });
}
