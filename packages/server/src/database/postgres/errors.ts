import { DatabaseError as PgError } from 'pg';
import { DatabaseError } from '../errors.ts';
import { badTextError } from '../values.ts';

/**
 * What PostgreSQL says that passes by itself, by SQLSTATE or its class (PostgreSQL, appendix A): connections that fail (08)
 * or are too many (53300), a server that is short of memory (53200), stops, starts or was told to end us (57P), a row held
 * by others for long (55P03), a statement that took too long (57014), a transaction that stood still (25P03), a server
 * that has become a standby (25006), two transactions that wait for each other or do not fit (40).
 */
const PASSING = /^(?:08...|53[23]00|57P..|55P03|57014|25P03|25006|40...)$/;
/** Of these, those after which the connection itself is gone, or about to go, or serves no longer. */
const ENDING = /^(?:08...|57P..|25P03|25006)$/;
const DISK_FULL = '53100';
/** A key that somebody else took, and a row that somebody else took away, in the same moment: all that is asked for first. */
const DUPLICATE = '23505';
const REFERENCED = '23503';
/** Text that the database cannot hold: the character NUL. */
const BAD_TEXT = /^(?:22021|22P05)$/;

const RETRY_AFTER_SECONDS = 2;

/** An error of `pg` in the words of the API; one that neither passes by itself nor comes of what was sent stays as it is. */
export function postgresError(error: unknown): unknown {
  if (!(error instanceof PgError)) return isConnectionLost(error) ? unavailable(error) : error;
  const code = error.code ?? '';
  if (PASSING.test(code)) return unavailable(error);
  if (code === DISK_FULL) {
    return new DatabaseError(
      'full',
      'The disk of the database is full. What was acknowledged is safe; send this again once there is room.',
      { cause: error },
    );
  }
  if (code === DUPLICATE) {
    return new DatabaseError('conflict', 'Somebody else took the same name a moment ago: read it again.', {
      cause: error,
    });
  }
  if (code === REFERENCED) {
    return new DatabaseError('busy', 'Something that belongs to this came or went a moment ago: send this again.', {
      cause: error,
    });
  }
  if (BAD_TEXT.test(code)) {
    return badTextError(error);
  }
  return error;
}

/** Whether the connection is of no more use: the server ended it, the line broke, or an answer is overdue. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof PgError) return ENDING.test(error.code ?? '');
  // What the server did not say comes from the socket, or from pg's timers. A fault of ours would be a TypeError.
  return error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError);
}

function unavailable(cause: unknown): DatabaseError {
  return new DatabaseError('unavailable', 'The database does not answer just now; send this again in a moment.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause,
  });
}
