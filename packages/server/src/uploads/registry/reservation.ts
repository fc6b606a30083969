import type { Millis, NodeId, SessionId, Sha1 } from '@partway/protocol/ids';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/schema.ts';
import { addMillis, type Instant } from '../../database/time.ts';
import { DomainError } from '../../errors.ts';
import type { PartTag } from '../../storage/blob-store.ts';
import { sessionEndedError } from '../get-session.ts';
import { checkpointFromRow, type HashCheckpoint } from '../hashing/checkpoint.ts';
import { type Part, partFromRow, type Session } from '../session.ts';
import { findSession } from '../session-store.ts';

/**
 * A part reservation is a row that reserves a part for bytes with a given SHA-1 before they go to S3, where a later upload
 * of the same part would replace the first. The first digest gets the part. Another node can store the same bytes, but no
 * others.
 */

/**
 * Lifetime of a reservation. A driver tries to send a part for less than 50 seconds; the rest is for a node that pauses
 * between its row and its request to the store.
 */
export const RESERVATION_TTL: Millis = 120_000;
const RETRY_AFTER_SECONDS = 10;

interface PartReservation {
  index: number;
  sha1: Sha1;
  /** The node that has the bytes. */
  node: NodeId;
}

/**
 * Reserves a part. In the normal case, this is one statement. Throws `part-exists` if the part is stored with other bytes,
 * `unavailable` if it is reserved for other bytes, and an error that says why the session ended if it has.
 * @returns The part if it is already stored with the same bytes, otherwise undefined.
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

/**
 * Turns a reservation into a stored part. Returns the session's hash checkpoint, or undefined if there is no reservation for
 * these bytes: it has expired and was replaced, or the session has ended.
 */
export async function confirmPart(
  db: Kysely<Tables>,
  session: SessionId,
  { index, sha1, node, tag }: PartReservation & { tag: PartTag },
  now: Instant,
): Promise<HashCheckpoint | undefined> {
  // The state of the session does not have to be checked: the transaction that ends a session deletes this row.
  const row = await db
    .updateTable('parts')
    .set({ stored: 1, tag, node, created_at: addMillis(now, 0) })
    .where('session_id', '=', session)
    .where('part_index', '=', index)
    .where('sha1', '=', sha1)
    .where('stored', '=', 0)
    .returning((eb) => [
      eb.selectFrom('upload_sessions').select('hashed_parts').where('id', '=', session).as('hashed_parts'),
      eb.selectFrom('upload_sessions').select('hash_state').where('id', '=', session).as('hash_state'),
    ])
    .executeTakeFirst();
  return row && checkpointFromRow({ hashed_parts: row.hashed_parts ?? 0, hash_state: row.hash_state });
}

/** True if any node is storing a part of this session. */
export async function hasReservations(db: Kysely<Tables>, session: SessionId, now: Instant): Promise<boolean> {
  const row = await db
    .selectFrom('parts')
    .select('part_index')
    .where('session_id', '=', session)
    .where('stored', '=', 0)
    .where('created_at', '>', addMillis(now, -RESERVATION_TTL))
    .where('created_at', '<=', addMillis(now, RESERVATION_TTL))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Returns the stored part. Throws `part-exists` if it has another digest. */
export function assertSameDigest(stored: Part, sha1: Sha1): Part {
  if (stored.sha1 === sha1) return stored;
  throw new DomainError('part-exists', 'This part is already stored with other bytes. The stored part stays.', {
    context: { part_id: stored.partId, sha1: stored.sha1 },
  });
}

/** The error for a part that is reserved for other bytes. */
export function partBusyError(): DomainError {
  return new DomainError(
    'unavailable',
    'Another request is storing other bytes for this part. Send the part again later.',
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
    .expression((eb) =>
      eb
        .selectFrom('upload_sessions')
        .select([
          'id',
          sql.val(index).as('part_index'),
          sql.val(sha1).as('sha1'),
          sql.val('').as('tag'),
          addMillis(now, 0).as('created_at'),
          sql.val(0 as const).as('stored'),
          sql.val(node).as('node'),
        ])
        .where('id', '=', session)
        .where('state', '=', 'open')
        // A transaction that ends the session waits for this row, or this statement finds the session ended.
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
        .where((eb) =>
          eb.or([
            eb('parts.sha1', '=', eb.ref('excluded.sha1')),
            eb('parts.created_at', '<=', addMillis(now, -RESERVATION_TTL)),
            // From before the clock was set back.
            eb('parts.created_at', '>', addMillis(now, RESERVATION_TTL)),
          ]),
        ),
    )
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}
