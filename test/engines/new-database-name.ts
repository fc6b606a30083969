import { randomBytes } from 'node:crypto';

/** The name of a database that nobody has. */
export function newDatabaseName(): string {
  return `partway_${randomBytes(8).toString('hex')}`;
}
