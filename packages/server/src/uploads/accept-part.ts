import { Refusal } from '@partway/protocol/errors';
import type { ContentRange } from '@partway/protocol/headers';
import type { SessionId, Sha1, UserId } from '@partway/protocol/ids';
import type { Slot } from '../storage/blob-store.ts';
import { verified } from '../storage/verify.ts';
import type { Uploads } from './context.ts';
import { endOf } from './find-session.ts';
import { slotOf } from './part-layout.ts';
import type { PartBody } from './part-locks.ts';
import { AlreadyStored } from './registry/part-registry.ts';
import { sameBytes, takenMeanwhile } from './registry/reservation.ts';
import { type Part, partOf, type Session } from './session.ts';
import { findPart, findSession } from './session-store.ts';

/** One part as it arrives. No byte of the body is read before the checks have passed. */
interface PartArrival {
  caller: UserId;
  session: SessionId;
  range: ContentRange;
  sha1: Sha1;
  body: PartBody;
}

/** The part as it is stored now. */
interface AcceptedPart {
  part: Part;
  session: Session;
  /** Whether these bytes made it; not if it was stored before. */
  isNew: boolean;
}

/**
 * A part exists when its row says so, and the row says so only once its bytes would survive a power cut: bytes first,
 * then the row, then the reply. Sent again with the same digest, it is answered again; with another digest it is
 * refused, and the stored part stands.
 */
export async function acceptPart(uploads: Uploads, arrival: PartArrival): Promise<AcceptedPart> {
  const { content, ledger, follower, claims } = uploads;
  const { sha1, body } = arrival;

  const session = await ledger.session(arrival.caller, arrival.session);
  const slot = slotOf(session.staging.grid, arrival.range);
  const claim = await claims.take(session.id, slot.index, body);
  try {
    const stored = await ledger.stored(session, slot.index);
    if (stored !== undefined) return { part: sameBytes(stored, sha1), session, isNew: false };
    body.signal?.throwIfAborted();

    const proven = ledger.fixing(session, slot, sha1, verified(body, slot.length, sha1));
    const receipt = await content.write(session.staging, slot, proven, {
      by: session.owner,
      signal: body.signal,
    });

    const row = { slot: slot.index, sha1, receipt };
    const recorded = await ledger.record(session, row);
    if (!recorded.made) return { part: await storedMeanwhile(uploads, session, slot, sha1), session, isNew: false };

    follower.nudge(session, slot.index, recorded.mark);
    return { part: partOf(session.id, row), session, isNew: true };
  } catch (error) {
    return { part: await storedAfterAll(uploads, session, slot, sha1, error), session, isNew: false };
  } finally {
    claim.giveBack();
  }
}

/** No row was written: another node recorded the slot first, or the session ended while the body came in. */
async function storedMeanwhile({ db, content }: Uploads, session: Session, slot: Slot, sha1: Sha1): Promise<Part> {
  // Bytes that are no part's are nothing for the digest.
  await content.release(session.staging, slot);
  const stored = await findPart(db, session.id, slot.index);
  if (stored !== undefined) return sameBytes(stored, sha1);
  if ((await findSession(db, session.id))?.state === 'open') throw takenMeanwhile();
  throw await endOf({ db }, session);
}

/** The part, where it turned out to be stored already; else the error, or how the session ended with its bytes. */
async function storedAfterAll(
  { db }: Uploads,
  session: Session,
  slot: Slot,
  sha1: Sha1,
  error: unknown,
): Promise<Part> {
  if (error instanceof AlreadyStored) return error.part;
  if (!(error instanceof Refusal) || error.code !== 'upload_session_not_found') throw error;
  const stored = await findPart(db, session.id, slot.index);
  if (stored !== undefined) return sameBytes(stored, sha1);
  throw await endOf({ db }, session);
}
