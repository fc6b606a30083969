import { KnownError } from '../errors.ts';

export type DatabaseErrorCode = 'busy' | 'conflict' | 'full' | 'invalid-text' | 'unavailable';

/** What a database cannot do, in words that are the same for SQLite and PostgreSQL. */
export class DatabaseError extends KnownError<DatabaseErrorCode> {
  get isRejection(): boolean {
    return this.code !== 'unavailable' && this.code !== 'full';
  }
}
