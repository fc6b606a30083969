import type { UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';

/**
 * Sets how many bytes a user may keep: -1 for no limit, null for what the server is set to. What the user has already
 * stays, however much it is. Gives whether there is such a user.
 */
export async function setQuota(db: Kysely<Tables>, user: UserId, quota: number | null): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('users')
    .set({ space_quota: quota })
    .where('id', '=', user)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
