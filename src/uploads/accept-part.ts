import type { ContentRange } from '../api/headers.ts';
import type { SessionId, Sha1, UserId } from '../api/ids.ts';
import { Refusal } from '../api/refusal.ts';
import { verified } from '../content/verified.ts';
import type { PartBody } from './claims.ts';
import { endOf, findOwnSession } from './find-session.ts';
import { findPart, insertPart } from './records.ts';
import { type Part, partOf, type Session } from './session.ts';
import { slotOf } from './slot.ts';
import type { Uploads } from './uploads.ts';

/** One part as it arrives. No byte of the body is read before the checks have passed. */
export interface PartArrival {
  caller: UserId;
  session: SessionId;
  range: ContentRange;
  sha1: Sha1;
  body: PartBody;
}

/**
 * A part exists when its row exists, and its row is written only once its bytes would survive a power cut: bytes
 * first, then the row, then the reply. Sent again with the same digest, it is answered again; with another digest it
 * is refused, and the stored part stands.
 */
export async function acceptPart(uploads: Uploads, arrival: PartArrival): Promise<{ part: Part; session: Session }> {
  const { db, content, follower, claims, now } = uploads;
  const { sha1, body } = arrival;

  const session = await findOwnSession(uploads, arrival.caller, arrival.session);
  const slot = slotOf(session.staging.grid, arrival.range);
  const claim = await claims.take(session.id, slot.index, body);
  try {
    const stored = await findPart(db, session.id, slot.index);
    if (stored !== undefined) return { part: sameBytes(stored, sha1), session };

    const receipt = await content
      .write(session.staging, slot, verified(body, slot.length, sha1))
      .catch((error: unknown) => unlessEnded(uploads, session, error));

    const row = { slot: slot.index, sha1, receipt };
    if (!(await insertPart(db, session.id, row, now())))
      return { part: await storedMeanwhile(uploads, session, row), session };
    follower.nudge(session, slot.index);
    return { part: partOf(session.id, row), session };
  } finally {
    claim.giveBack();
  }
}

function sameBytes(stored: Part, sha1: Sha1): Part {
  if (stored.sha1 === sha1) return stored;
  throw new Refusal('range_overlaps_existing_part', 'This range already holds other bytes, which stand.', {
    context: { part_id: stored.partId, sha1: stored.sha1 },
  });
}

/** No row was written: another node recorded the slot first, or the session ended while the body came in. */
async function storedMeanwhile({ db }: Uploads, session: Session, row: { slot: number; sha1: Sha1 }): Promise<Part> {
  const stored = await findPart(db, session.id, row.slot);
  if (stored !== undefined) return sameBytes(stored, row.sha1);
  throw await endOf({ db }, session);
}

/** The bytes have gone with their session: the client is told how it ended. */
async function unlessEnded(uploads: Uploads, session: Session, error: unknown): Promise<never> {
  if (error instanceof Refusal && error.code === 'upload_session_not_found') throw await endOf(uploads, session);
  throw error;
}
