import type { ContentRange } from '@partway/protocol/headers';
import type { SessionId, Sha1, UserId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import type { PartRange } from '../storage/blob-store.ts';
import { StorageError } from '../storage/errors.ts';
import { verifyDigest } from '../storage/verify.ts';
import type { UploadContext } from './context.ts';
import { sessionEndedError } from './find-session.ts';
import { partForRange, partId } from './part-layout.ts';
import type { PartBody } from './part-locks.ts';
import { AlreadyStoredError } from './registry/part-registry.ts';
import { assertSameDigest, partBusyError } from './registry/reservation.ts';
import type { Part, Session } from './session.ts';
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
export async function acceptPart(context: UploadContext, arrival: PartArrival): Promise<AcceptedPart> {
  const { blobs, registry, hasher, partLocks } = context;
  const { sha1, body } = arrival;

  const session = await registry.findSession(arrival.caller, arrival.session);
  const range = partForRange(session.staged.layout, arrival.range);
  const lock = await partLocks.lock(session.id, range.index, body);
  try {
    const stored = await registry.findPart(session, range.index);
    if (stored !== undefined) return { part: assertSameDigest(stored, sha1), session, isNew: false };
    body.signal?.throwIfAborted();

    const proven = registry.reserveAfter(session, range, sha1, verifyDigest(body, range.length, sha1));
    const tag = await blobs.writePart(session.staged, range, proven, {
      by: session.owner,
      signal: body.signal,
    });

    const row = { index: range.index, sha1, tag };
    const recorded = await registry.recordPart(session, row);
    if (!recorded.made) return { part: await keepStoredPart(context, session, range, sha1), session, isNew: false };

    hasher.partStored(session, range.index, recorded.checkpoint);
    return { part: { partId: partId(session.id, range.index), ...row }, session, isNew: true };
  } catch (error) {
    return { part: await findStoredPart(context, session, range, sha1, error), session, isNew: false };
  } finally {
    lock.release();
  }
}

/** No row was written: another node recorded the slot first, or the session ended while the body came in. */
async function keepStoredPart(
  { db, blobs }: UploadContext,
  session: Session,
  range: PartRange,
  sha1: Sha1,
): Promise<Part> {
  // Bytes that are no part's are nothing for the digest.
  await blobs.dropLocalPart(session.staged, range);
  const stored = await findPart(db, session.id, range.index);
  if (stored !== undefined) return assertSameDigest(stored, sha1);
  if ((await findSession(db, session.id))?.state === 'open') throw partBusyError();
  throw await sessionEndedError({ db }, session);
}

/** The part, where it turned out to be stored already; else the error, or how the session ended with its bytes. */
async function findStoredPart(
  { db }: UploadContext,
  session: Session,
  range: PartRange,
  sha1: Sha1,
  error: unknown,
): Promise<Part> {
  if (error instanceof AlreadyStoredError) return error.part;
  if (!isGone(error)) throw error;
  const stored = await findPart(db, session.id, range.index);
  if (stored !== undefined) return assertSameDigest(stored, sha1);
  throw await sessionEndedError({ db }, session);
}

/** Whether the session's row or its bytes are gone: another request has ended the session. */
function isGone(error: unknown): boolean {
  return (
    (error instanceof StorageError && error.code === 'blob-not-found') ||
    (error instanceof DomainError && error.code === 'session-not-found')
  );
}
