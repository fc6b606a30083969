import { KnownError } from '../errors.ts';

export type DatabaseErrorCode = 'busy' | 'conflict' | 'full' | 'invalid-text' | 'unavailable';

/** A database failed, or rejected a statement. The codes are the same for SQLite and PostgreSQL. */
export class DatabaseError extends KnownError<DatabaseErrorCode> {
  get isRejection(): boolean {
    return this.code !== 'unavailable' && this.code !== 'full';
  }
}
