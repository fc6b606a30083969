import { DomainError } from '../errors.ts';
import type { MissingPartsError } from './check-listed-parts.ts';
import type { UploadContext } from './context.ts';
import { forgetSession } from './end-session.ts';
import { invalidateHashCheckpoint } from './hashing/checkpoint.ts';
import { partRange } from './part-layout.ts';
import type { Session } from './session.ts';
import { listParts } from './session-store.ts';

/**
 * The store has lost parts that were acknowledged: their rows go, so that the client can send them again rather than
 * fail for ever; what was sent again meanwhile, since another commit had found it out before, stays. It is told by when
 * it was stored: the same bytes have the same receipt. The digest may hold other bytes than those that will come, so that
 * it is made anew, at the commit.
 * @returns What the commit that found it out is refused with.
 */
export async function discardLostParts(
  context: UploadContext,
  session: Session,
  lost: MissingPartsError,
): Promise<DomainError> {
  const storedAt = new Map(lost.parts.map((part) => [part.index, part.storedAt]));
  const indexes = await context.db.transaction().execute(async (tx) => {
    // First, for it holds the session: of those who found the same loss, one after the other looks at the parts.
    await invalidateHashCheckpoint(tx, session.id);
    const still = (await listParts(tx, session.id)).filter((part) => storedAt.get(part.index) === part.storedAt);
    const gone = still.map(({ index }) => index);
    await tx.deleteFrom('parts').where('session_id', '=', session.id).where('part_index', 'in', gone).execute();
    return gone;
  });
  forgetSession(context, session.id);
  if (indexes.length === 0) return partsChangedError(lost);
  const offsets = indexes.map((index) => partRange(session.staged.layout, index).offset);
  return new DomainError(
    'parts-mismatch',
    `The store no longer has ${offsets.length === 1 ? 'a part' : 'parts'} of this upload. The session stays open: list its parts, send again what is missing, and commit.`,
    { context: { offsets }, cause: lost },
  );
}

/** Parts have come since a commit looked at them: what it knows of them counts no more. */
export function partsChangedError(cause?: unknown): DomainError {
  return new DomainError('unavailable', 'Parts of this upload were sent again while it was committed. Commit again.', {
    retryAfterSeconds: 1,
    cause,
  });
}
