import type { Transaction } from 'kysely';
import type { UserId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import type { Tables } from '../sql/tables.ts';
import { isWithinQuota } from './quota.ts';

/** Bytes to add to a user's counters; negative ones are given back. */
export interface Charge {
  /** What versions take. */
  used?: number;
  /** What open upload sessions may come to. */
  reserved?: number;
}

/**
 * Counts bytes as a user's. Holds the user's tree, as `holdTree` does. What asks for more than it gives back is held
 * against the quota, in the same statement, so that however many come at once they never pass it together.
 * Refuses `storage_limit_exceeded`.
 */
export async function chargeSpace(
  tx: Transaction<Tables>,
  owner: UserId,
  { used = 0, reserved = 0 }: Charge,
  userQuota: number | undefined,
): Promise<void> {
  const more = used + reserved;
  const { numUpdatedRows } = await tx
    .updateTable('users')
    .set((row) => ({
      space_used: row('space_used', '+', used),
      space_reserved: row('space_reserved', '+', reserved),
    }))
    .where('id', '=', owner)
    .$if(more > 0, (query) => query.where(isWithinQuota(more, userQuota)))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw storageLimitExceeded(more);
}

export function storageLimitExceeded(bytes: number): Refusal {
  return new Refusal(
    'storage_limit_exceeded',
    `There is no room for ${bytes} more bytes: delete something for good, end an upload, or ask for more space.`,
  );
}
