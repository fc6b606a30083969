import type { UserId } from '@partway/protocol/ids';
import type { Kysely } from 'kysely';
import type { Tables } from '../database/schema.ts';

export interface Space {
  /** Bytes of all versions of all the user's files, also of those in the trash. */
  used: number;
  /** Bytes that open upload sessions may come to. */
  reserved: number;
  /** How many bytes both may be together; undefined for no limit. */
  quota: number | undefined;
}

/** What a user keeps and may keep, from the counters. */
export async function spaceOf(db: Kysely<Tables>, owner: UserId, userQuota: number | undefined): Promise<Space> {
  const row = await db
    .selectFrom('users')
    .select(['space_used', 'space_reserved', 'space_quota'])
    .where('id', '=', owner)
    .executeTakeFirstOrThrow();
  const quota = row.space_quota ?? userQuota ?? -1;
  return { used: row.space_used, reserved: row.space_reserved, quota: quota < 0 ? undefined : quota };
}
