import type { ItemId, Millis } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import type { NamedUser } from './find.ts';
import { inBatches } from './in-batches.ts';

export interface Lock {
  id: number;
  by: NamedUser;
  createdAt: Millis;
  expiresAt: Millis | null;
  isDownloadPrevented: boolean;
}

/** The locks on these files that have not expired. */
export async function findLocks(
  db: Kysely<Tables>,
  files: readonly ItemId[],
  now: Millis,
): Promise<ReadonlyMap<ItemId, Lock>> {
  const rows = await inBatches(files, (batch) =>
    db
      .selectFrom('locks')
      .innerJoin('users', 'users.id', 'locks.created_by')
      .select(['locks.file_id', 'locks.id', 'locks.created_at', 'locks.expires_at', 'locks.download_prevented'])
      .select(['users.id as user_id', 'users.name', 'users.login'])
      .where('locks.file_id', 'in', batch)
      .where((row) => row.or([row('locks.expires_at', 'is', null), row('locks.expires_at', '>', now)]))
      .execute(),
  );
  return new Map(
    rows.map((row) => [
      row.file_id,
      {
        id: row.id,
        by: { id: row.user_id, name: row.name, login: row.login },
        createdAt: row.created_at,
        expiresAt: row.expires_at,
        isDownloadPrevented: row.download_prevented === 1,
      },
    ]),
  );
}
