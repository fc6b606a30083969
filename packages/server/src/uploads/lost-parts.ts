import { DomainError } from '../errors.ts';
import type { MissingPartsError } from './check-listed-parts.ts';
import type { UploadContext } from './context.ts';
import { forgetSession } from './end-session.ts';
import { invalidateHashCheckpoint } from './hashing/checkpoint.ts';
import { partRange } from './part-layout.ts';
import type { Session } from './session.ts';
import { listParts } from './session-store.ts';

/**
 * Deletes the rows of parts that the store has lost, so that the client can send them again. A part that was sent again
 * meanwhile stays: another commit may have found the same loss before. It is recognized by the time at which it was stored,
 * because the same bytes have the same tag. The hash may include bytes that differ from those that the client will send,
 * so it is computed from scratch at the next commit.
 * @returns The error for the commit that found the loss.
 */
export async function discardLostParts(
  context: UploadContext,
  session: Session,
  lost: MissingPartsError,
): Promise<DomainError> {
  const storedAt = new Map(lost.parts.map((part) => [part.index, part.storedAt]));
  const indexes = await context.db.transaction().execute(async (tx) => {
    // First, because it locks the session's row: commits that found the same loss check the parts one after the other.
    await invalidateHashCheckpoint(tx, session.id);
    const unchanged = (await listParts(tx, session.id)).filter((part) => storedAt.get(part.index) === part.storedAt);
    const lostIndexes = unchanged.map(({ index }) => index);
    await tx.deleteFrom('parts').where('session_id', '=', session.id).where('part_index', 'in', lostIndexes).execute();
    return lostIndexes;
  });
  forgetSession(context, session.id);
  if (indexes.length === 0) return partsChangedError(lost);
  const offsets = indexes.map((index) => partRange(session.staged.layout, index).offset);
  return new DomainError(
    'parts-mismatch',
    `The store has lost ${offsets.length === 1 ? 'a part' : 'parts'} of this upload. The session stays open: list its parts, send the missing ones again, and commit.`,
    { context: { offsets }, cause: lost },
  );
}

/** The error for a commit during which lost parts were sent again: it used the parts as they were before. */
export function partsChangedError(cause?: unknown): DomainError {
  return new DomainError('unavailable', 'Parts of this upload were sent again during the commit. Commit again.', {
    retryAfterSeconds: 1,
    cause,
  });
}
