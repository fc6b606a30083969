import type { UserId } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { type Limits, limitReached } from '../limits.ts';

/** How many sessions a user may have open, and how many bytes they may come to. */
export type SessionLimits = Pick<Limits, 'sessions' | 'reservedBytes'>;

/**
 * Refuses `operation_limit_exceeded` or `storage_limit_exceeded` if one more session, with so many bytes more to reserve,
 * would pass a limit of its owner. Expired sessions count until the sweep has ended them: until then their bytes are
 * there. In a transaction that holds the owner's tree it decides; before, it saves the work. A user who is beyond a
 * limit that was lowered keeps the sessions there are.
 */
export async function checkSessionLimits(
  db: Kysely<Tables>,
  owner: UserId,
  { sessions, reservedBytes }: SessionLimits,
  more: number,
): Promise<void> {
  const row = await db
    .selectFrom('users')
    .select((user) => [
      // Compared in the database: a sum may be beyond what a number here holds.
      sql<boolean>`space_reserved > ${reservedBytes - more}`.as('too_much'),
      user
        .selectFrom('upload_sessions')
        .select((of) => of.fn.countAll().as('open'))
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
      `A user may have ${sessions} upload sessions open, and this one has ${open}. Commit or abort some, or ask the ` +
        'operator to raise PARTWAY_MAX_SESSIONS.',
      { open, most: sessions },
    );
  }
  if (row?.too_much) {
    throw limitReached(
      'reservedBytes',
      `The open upload sessions of a user may come to ${reservedBytes} bytes, and ${more} more would pass that. Commit or ` +
        'abort some, or ask the operator to raise PARTWAY_MAX_RESERVED.',
      { bytes: more, most: reservedBytes },
    );
  }
}
