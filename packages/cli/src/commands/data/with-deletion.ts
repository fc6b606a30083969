import { TokenCache } from '@partway/server/auth/token-cache';
import type { UserDeletionDeps } from '@partway/server/auth/users/remove';
import type { Config } from '@partway/server/config/config';
import type { Tables } from '@partway/server/database/schema';
import { SerialQueue } from '@partway/server/util/keyed-queue';
import type { Kysely } from 'kysely';
import { withStorage } from './with-storage.ts';

/**
 * Calls `work` with what deleting users needs. A server can be running: it finds a missing row at the next statement, as it
 * does if another node deletes one, and cached tokens end within 5 seconds.
 */
export function withDeletion<T>(
  config: Config,
  db: Kysely<Tables>,
  work: (deps: UserDeletionDeps) => Promise<T>,
): Promise<T> {
  return withStorage(config, db, ({ blobs, clock }) =>
    work({
      auth: { db, clock, tokens: new TokenCache() },
      files: { db, blobs, clock, treeBatches: new SerialQueue() },
      // This process has no sessions in memory.
      uploads: { db, blobs, hasher: { forget() {} }, registry: { forgetSession() {} } },
    }),
  );
}
