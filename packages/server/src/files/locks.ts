import type { ItemId, Millis, UserId } from '@partway/protocol/ids';
import type { Kysely, Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { newId } from '../database/values.ts';
import { DomainError } from '../errors.ts';
import { inBatches } from '../util/batches.ts';
import type { NamedUser } from './find.ts';

export interface Lock {
  id: number;
  by: NamedUser;
  createdAt: Millis;
  expiresAt: Millis | null;
  isDownloadPrevented: boolean;
}

/** Finds the locks on these files that have not expired. */
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

/**
 * Throws `item-locked` if another user has locked the file. Only the owner of a lock can change, move, delete or unlock
 * the file, or upload a new version. Other users can download it unless the lock prevents that.
 */
export async function assertUnlocked(
  db: Kysely<Tables>,
  { fileId, caller, now, to = 'change' }: { fileId: ItemId; caller: UserId; now: Millis; to?: 'change' | 'download' },
): Promise<void> {
  const lock = (await findLocks(db, [fileId], now)).get(fileId);
  if (lock === undefined || lock.by.id === caller) return;
  if (to === 'download' && !lock.isDownloadPrevented) return;
  throw new DomainError('item-locked', `The file is locked by ${lock.by.name}.`);
}

export interface LockRequest {
  /** Null if the lock does not expire. */
  expiresAt: Millis | null;
  isDownloadPrevented: boolean;
}

/** Locks a file for the caller, replacing any existing lock, or unlocks it if `lock` is null. */
export async function setLock(
  tx: Transaction<Tables>,
  { fileId, caller, now }: { fileId: ItemId; caller: UserId; now: Millis },
  lock: LockRequest | null,
): Promise<void> {
  await tx.deleteFrom('locks').where('file_id', '=', fileId).execute();
  if (lock === null) return;
  await tx
    .insertInto('locks')
    .values({
      file_id: fileId,
      id: newId<number>(),
      created_by: caller,
      created_at: now,
      expires_at: lock.expiresAt,
      download_prevented: lock.isDownloadPrevented ? 1 : 0,
    })
    .execute();
}
