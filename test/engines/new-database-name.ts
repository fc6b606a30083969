import { randomBytes } from 'node:crypto';

/** A unique database name. */
export function newDatabaseName(): string {
  return `partway_${randomBytes(8).toString('hex')}`;
}
