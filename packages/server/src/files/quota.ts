import { Refusal } from '@partway/protocol/errors';
import type { UserId } from '@partway/protocol/ids';
import type { Transaction } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { limitReached } from '../limits.ts';
import { isWithinQuota } from './quota-2.ts';

/** What to add to a user's counters; negative numbers are given back. */
export interface Charge {
  /** Bytes that versions take. */
  used?: number;
  /** Bytes that open upload sessions may come to. */
  reserved?: number;
  /** Folders and versions of files. */
  items?: number;
}

/**
 * Counts bytes and items as a user's. Holds the user's tree, as `holdTree` does. What asks for more than it gives back is
 * held against the quota and the limit of items, in the same statement, so that however many come at once they never
 * pass it together. Refuses `storage_limit_exceeded`.
 */
export async function chargeSpace(
  tx: Transaction<Tables>,
  owner: UserId,
  { used = 0, reserved = 0, items = 0 }: Charge,
  userQuota: number | undefined,
  mostItems = Number.MAX_SAFE_INTEGER,
): Promise<void> {
  const more = used + reserved;
  const { numUpdatedRows } = await tx
    .updateTable('users')
    .set((row) => ({
      space_used: row('space_used', '+', used),
      space_reserved: row('space_reserved', '+', reserved),
      ...(items !== 0 && { item_count: row('item_count', '+', items) }),
    }))
    .where('id', '=', owner)
    .$if(more > 0, (query) => query.where(isWithinQuota(more, userQuota)))
    .$if(items > 0, (query) => query.where('item_count', '<=', mostItems - items))
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return;
  await checkItems(tx, owner, items, mostItems);
  throw storageLimitExceeded(more);
}

/** Refuses `storage_limit_exceeded` if a user has no room for so many items more. */
async function checkItems(tx: Transaction<Tables>, owner: UserId, items: number, most: number): Promise<void> {
  if (items <= 0) return;
  const row = await tx.selectFrom('users').select('item_count').where('id', '=', owner).executeTakeFirst();
  if (row !== undefined && row.item_count > most - items) throw tooManyItems(row.item_count, items, most);
}

export function storageLimitExceeded(bytes: number): Refusal {
  return new Refusal(
    'storage_limit_exceeded',
    `There is no room for ${bytes} more bytes: delete something for good, end an upload, or ask for more space.`,
  );
}

export function tooManyItems(has: number, more: number, most: number): Refusal {
  return limitReached(
    'items',
    `A user may have ${most} folders and versions of files, those in the trash included; this one has ${has}, and ` +
      `this request makes ${more} more. Delete something for good, or ask the operator for more.`,
    { item_count: has, items: more, most },
  );
}
