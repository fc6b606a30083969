import type { ContentRange } from '@partway/protocol/headers';
import type { SessionId, Sha1, UserId } from '@partway/protocol/ids';
import { DomainError } from '../errors.ts';
import type { PartRange } from '../storage/blob-store.ts';
import { StorageError } from '../storage/errors.ts';
import type { UploadContext } from './context.ts';
import { sessionEndedError } from './get-session.ts';
import { partForRange, partId } from './part-layout.ts';
import type { PartBody } from './part-locks.ts';
import type { ReceivedPart } from './part-receiver.ts';
import { AlreadyStoredError } from './registry/part-registry.ts';
import { assertSameDigest, partBusyError } from './registry/reservation.ts';
import type { Part, Session } from './session.ts';
import { findPart, findSession } from './session-store.ts';

/** A request to store a part. */
interface PartArrival {
  caller: UserId;
  session: SessionId;
  range: ContentRange;
  sha1: Sha1;
  body: PartBody;
}

interface AcceptedPart {
  part: Part;
  session: Session;
  /** True if this request stored the part; false if it was stored before. */
  isNew: boolean;
}

/**
 * Stores a part. Writes the bytes, then the row, then replies: the row is written only after the bytes would survive a power
 * cut, and a part exists if its row does. If the part is already stored with the same digest, the reply is the same again.
 * If it is stored with another digest, the request fails with `part-exists` and the stored part stays. The body is read
 * only after all checks.
 */
export async function acceptPart(context: UploadContext, arrival: PartArrival): Promise<AcceptedPart> {
  const { registry } = context;
  const session = await registry.getSession(arrival.caller, arrival.session);
  try {
    return await storePart(context, session, arrival);
  } finally {
    registry.release(session.id);
  }
}

async function storePart(context: UploadContext, session: Session, arrival: PartArrival): Promise<AcceptedPart> {
  const { receiver, registry, hasher, partLocks } = context;
  const { sha1, body } = arrival;
  const range = partForRange(session.staged.layout, arrival.range);
  const lock = await partLocks.lock(session.id, range.index, body);
  let received: ReceivedPart | undefined;
  try {
    const stored = await registry.findPart(session, range.index);
    if (stored !== undefined) return { part: assertSameDigest(stored, sha1), session, isNew: false };
    body.signal?.throwIfAborted();

    received = await receiver.receive({ session, range, sha1, body });

    const row = { index: range.index, sha1, tag: received.tag };
    const recorded = await registry.recordPart(session, row);
    if (!recorded.isNew) return { part: await keepStoredPart(context, session, range, sha1), session, isNew: false };

    hasher.partStored(session, range.index, recorded.checkpoint);
    return { part: { partId: partId(session.id, range.index), ...row }, session, isNew: true };
  } catch (error) {
    return { part: await findStoredPart(context, session, range, sha1, error), session, isNew: false };
  } finally {
    received?.turn?.close();
    lock.release();
  }
}

/** Called if no row was written: another node recorded the part first, or the session ended in the meantime. */
async function keepStoredPart(
  { db, blobs }: UploadContext,
  session: Session,
  range: PartRange,
  sha1: Sha1,
): Promise<Part> {
  // These bytes are not part of the file; don't hash them.
  await blobs.dropLocalPart(session.staged, range);
  const stored = await findPart(db, session.id, range.index);
  if (stored !== undefined) return assertSameDigest(stored, sha1);
  if ((await findSession(db, session.id))?.state === 'open') throw partBusyError();
  throw await sessionEndedError({ db }, session);
}

/** Returns the part if the error means that it is already stored. Otherwise throws the error, or why the session ended. */
async function findStoredPart(
  { db }: UploadContext,
  session: Session,
  range: PartRange,
  sha1: Sha1,
  error: unknown,
): Promise<Part> {
  if (error instanceof AlreadyStoredError) return error.part;
  if (!hasSessionEnded(error)) throw error;
  const stored = await findPart(db, session.id, range.index);
  if (stored !== undefined) return assertSameDigest(stored, sha1);
  throw await sessionEndedError({ db }, session);
}

/** True if the session's row or bytes do not exist, because another request has ended the session. */
function hasSessionEnded(error: unknown): boolean {
  return (
    (error instanceof StorageError && error.code === 'blob-not-found') ||
    (error instanceof DomainError && error.code === 'session-not-found')
  );
}
