import type { Millis, NodeId, SessionId, Sha1 } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { type Instant, shifted } from '../../database/time.ts';
import { DomainError } from '../../errors.ts';
import type { PartTag } from '../../storage/blob-store.ts';
import { sessionEndedError } from '../find-session.ts';
import { checkpointFromRow, type HashCheckpoint } from '../hashing/checkpoint.ts';
import { type Part, partFromRow, type Session } from '../session.ts';
import { findSession } from '../session-store.ts';

/**
 * For how long a slot belongs to the bytes that a node means to put there. Longer than a store's driver tries to send
 * one part (under 50 seconds), by more than a node may stand still between its row and its request.
 */
export const RESERVATION_TTL: Millis = 120_000;
const RETRY_AFTER_SECONDS = 10;

/** What a node means to put into a slot. */
interface PartReservation {
  index: number;
  sha1: Sha1;
  node: NodeId;
}

/**
 * Fixes which bytes a slot may get, before the store sees one: the first digest to come has it, and another node may put
 * in the same bytes, but no others. One statement where all goes well.
 * @returns The part, where these bytes are stored already. Refuses `range_overlaps_existing_part` where others are
 * stored, `unavailable` where others are about to be, and says how the session ended where it has.
 */
export async function reservePart(
  db: Kysely<Tables>,
  session: Session,
  reservation: PartReservation,
  now: Instant,
): Promise<Part | undefined> {
  if (await insertReservation(db, session.id, reservation, now)) return undefined;
  const row = await db
    .selectFrom('parts')
    .innerJoin('upload_sessions', 'upload_sessions.id', 'parts.session_id')
    .select(['parts.part_index', 'parts.sha1', 'parts.tag', 'parts.stored', 'upload_sessions.state'])
    .where('session_id', '=', session.id)
    .where('part_index', '=', reservation.index)
    .executeTakeFirst();
  if (row?.stored === 1) return assertSameDigest(partFromRow(session.id, row), reservation.sha1);
  const state = row?.state ?? (await findSession(db, session.id))?.state;
  throw state === 'open' ? partBusyError() : await sessionEndedError({ db }, session);
}

/** Makes a part of what was fixed, and says where the digest stands; undefined where the slot was given to other bytes. */
export async function confirmPart(
  db: Kysely<Tables>,
  session: SessionId,
  { index, sha1, node, tag }: PartReservation & { tag: PartTag },
  now: Instant,
): Promise<HashCheckpoint | undefined> {
  // Asks nothing of the session: what ends it takes this row along.
  const row = await db
    .updateTable('parts')
    .set({ stored: 1, tag, node, created_at: shifted(now, 0) })
    .where('session_id', '=', session)
    .where('part_index', '=', index)
    .where('sha1', '=', sha1)
    .where('stored', '=', 0)
    .returning((of) => [
      of.selectFrom('upload_sessions').select('hashed_parts').where('id', '=', session).as('hashed_parts'),
      of.selectFrom('upload_sessions').select('hash_state').where('id', '=', session).as('hash_state'),
    ])
    .executeTakeFirst();
  return row && checkpointFromRow({ hashed_parts: row.hashed_parts ?? 0, hash_state: row.hash_state });
}

/** Whether some node is about to store a part of this session. */
export async function hasReservations(db: Kysely<Tables>, session: SessionId, now: Instant): Promise<boolean> {
  const row = await db
    .selectFrom('parts')
    .select('part_index')
    .where('session_id', '=', session)
    .where('stored', '=', 0)
    .where('created_at', '>', shifted(now, -RESERVATION_TTL))
    .where('created_at', '<=', shifted(now, RESERVATION_TTL))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** The stored part, where it is made of these bytes; refuses where it is not. */
export function assertSameDigest(stored: Part, sha1: Sha1): Part {
  if (stored.sha1 === sha1) return stored;
  throw new DomainError('part-exists', 'This range already holds other bytes, which stand.', {
    context: { part_id: stored.partId, sha1: stored.sha1 },
  });
}

/** Other bytes are on their way into the slot. */
export function partBusyError(): DomainError {
  return new DomainError(
    'unavailable',
    'Other bytes are being stored in this range at this moment. Send the part again once that has ended.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  );
}

async function insertReservation(
  db: Kysely<Tables>,
  session: SessionId,
  { index, sha1, node }: PartReservation,
  now: Instant,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('parts')
    .columns(['session_id', 'part_index', 'sha1', 'tag', 'created_at', 'stored', 'node'])
    .expression((of) =>
      of
        .selectFrom('upload_sessions')
        .select([
          'id',
          sql.val(index).as('part_index'),
          sql.val(sha1).as('sha1'),
          sql.val('').as('tag'),
          shifted(now, 0).as('created_at'),
          sql.val(0 as const).as('stored'),
          sql.val(node).as('node'),
        ])
        .where('id', '=', session)
        .where('state', '=', 'open')
        // Whoever ends the session waits for this row, or this row finds the session ended.
        .forShare(),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['session_id', 'part_index'])
        .doUpdateSet((row) => ({
          sha1: row.ref('excluded.sha1'),
          node: row.ref('excluded.node'),
          created_at: row.ref('excluded.created_at'),
        }))
        .where('parts.stored', '=', 0)
        .where((is) =>
          is.or([
            is('parts.sha1', '=', is.ref('excluded.sha1')),
            is('parts.created_at', '<=', shifted(now, -RESERVATION_TTL)),
            // From before the clock was set back.
            is('parts.created_at', '>', shifted(now, RESERVATION_TTL)),
          ]),
        ),
    )
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}
