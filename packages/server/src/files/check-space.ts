import type { UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { storageLimitExceeded, tooManyItems } from './quota.ts';
import { isWithinQuota } from './quota-2.ts';

/**
 * Refuses `storage_limit_exceeded` if there is no room now for so many bytes and items, before anything is done for them. A
 * promise of nothing: `chargeSpace` decides.
 */
export async function checkSpace(
  db: Kysely<Tables>,
  owner: UserId,
  bytes: number,
  userQuota: number | undefined,
  { items = 1, mostItems = Number.MAX_SAFE_INTEGER }: { items?: number; mostItems?: number } = {},
): Promise<void> {
  const row = await db
    .selectFrom('users')
    .select('item_count')
    .select(isWithinQuota(bytes, userQuota).as('has_room'))
    .where('id', '=', owner)
    .executeTakeFirst();
  if (row === undefined || !row.has_room) throw storageLimitExceeded(bytes);
  if (row.item_count + items > mostItems) throw tooManyItems(row.item_count, items, mostItems);
}
