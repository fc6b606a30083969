import type { Kysely } from 'kysely';
import type { UserId } from '../api/ids.ts';
import type { Tables } from '../sql/tables.ts';
import { storageLimitExceeded } from './charge-space.ts';
import { isWithinQuota } from './quota.ts';

/**
 * Refuses `storage_limit_exceeded` where there is no room for so many bytes now, before anything is done for them. A
 * promise of nothing: `chargeSpace` decides.
 */
export async function checkSpace(
  db: Kysely<Tables>,
  owner: UserId,
  bytes: number,
  userQuota: number | undefined,
): Promise<void> {
  const room = await db
    .selectFrom('users')
    .select('id')
    .where('id', '=', owner)
    .where(isWithinQuota(bytes, userQuota))
    .executeTakeFirst();
  if (room === undefined) throw storageLimitExceeded(bytes);
}
