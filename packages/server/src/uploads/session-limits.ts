import type { UserId } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { type Limits, limitReached } from '../limits.ts';

/** The limits on a user's open sessions: their number, and their total size in bytes. */
export type SessionLimits = Pick<Limits, 'sessions' | 'reservedBytes'>;

/**
 * Throws `limit-exceeded` or `quota-exceeded` if one more session, with `newBytes` more to reserve, would exceed a limit of
 * its owner. Expired sessions count until a background job has ended them, because their bytes still exist. The result is
 * final in a transaction that has locked the owner's tree; before that, the check only avoids needless work. If a limit is
 * lowered, existing sessions stay.
 */
export async function checkSessionLimits(
  db: Kysely<Tables>,
  owner: UserId,
  { sessions, reservedBytes }: SessionLimits,
  newBytes: number,
): Promise<void> {
  const row = await db
    .selectFrom('users')
    .select((user) => [
      // Compared in the database, because the sum can be too large for a JavaScript number.
      sql<boolean>`space_reserved > ${reservedBytes - newBytes}`.as('too_much'),
      user
        .selectFrom('upload_sessions')
        .select((eb) => eb.fn.countAll().as('open'))
        .where('owner_id', '=', owner)
        .where('state', '=', 'open')
        .as('open'),
    ])
    .where('id', '=', owner)
    .executeTakeFirst();
  const open = Number(row?.open ?? 0);
  if (open >= sessions) {
    throw limitReached(
      'sessions',
      `You have ${open} open upload sessions; the maximum is ${sessions}. Commit or abort some, or ask the operator to ` +
        'raise PARTWAY_MAX_SESSIONS.',
      { open, most: sessions },
    );
  }
  if (row?.too_much) {
    throw limitReached(
      'reservedBytes',
      `${newBytes} more bytes would exceed ${reservedBytes} bytes, the maximum total size of a user's open upload sessions. ` +
        'Commit or abort some, or ask the operator to raise PARTWAY_MAX_RESERVED.',
      { bytes: newBytes, most: reservedBytes },
    );
  }
}
