import { KnownError } from '../errors.ts';

export type DatabaseErrorCode = 'busy' | 'conflict' | 'full' | 'invalid-text' | 'unavailable';

/** A database failed, or rejected a statement. The codes are the same for SQLite and PostgreSQL. */
export class DatabaseError extends KnownError<DatabaseErrorCode> {
  get isRejection(): boolean {
    return this.code !== 'unavailable' && this.code !== 'full';
  }
}

// Callers check keys and references first, so these violations come from concurrent transactions: of other requests, of
// other nodes, or of a command next to the server.

/** A unique key is taken. */
export function uniqueViolationError(cause: unknown): DatabaseError {
  const message = 'Another request has just used the same name. Read the folder again, then retry.';
  return new DatabaseError('conflict', message, { cause });
}

/** A row refers to one that is gone, or that still has references was deleted. */
export function referenceViolationError(cause: unknown): DatabaseError {
  return new DatabaseError('busy', 'Another request has just changed a related item. Try again.', { cause });
}
