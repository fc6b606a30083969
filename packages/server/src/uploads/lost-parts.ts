import { Refusal } from '@partway/protocol/errors';
import type { GoneParts } from './check-listed-parts.ts';
import type { Uploads } from './context.ts';
import { forget } from './end-session.ts';
import { voidMark } from './hashing/checkpoint.ts';
import { slotAt } from './part-layout.ts';
import type { Session } from './session.ts';
import { listParts } from './session-store.ts';

/**
 * The store has lost parts that were acknowledged: their rows go, so that the client can send them again rather than
 * fail for ever; what was sent again meanwhile, since another commit had found it out before, stays. It is told by when
 * it was stored: the same bytes have the same receipt. The digest may hold other bytes than those that will come, so that
 * it is made anew, at the commit.
 * @returns What the commit that found it out is refused with.
 */
export async function forgetLostParts(uploads: Uploads, session: Session, lost: GoneParts): Promise<Refusal> {
  const storedAt = new Map(lost.parts.map((part) => [part.slot, part.storedAt]));
  const slots = await uploads.db.transaction().execute(async (tx) => {
    // First, for it holds the session: of those who found the same loss, one after the other looks at the parts.
    await voidMark(tx, session.id);
    const still = (await listParts(tx, session.id)).filter((part) => storedAt.get(part.slot) === part.storedAt);
    const gone = still.map(({ slot }) => slot);
    await tx.deleteFrom('parts').where('session_id', '=', session.id).where('slot', 'in', gone).execute();
    return gone;
  });
  forget(uploads, session.id);
  if (slots.length === 0) return sentAgain(lost);
  const offsets = slots.map((slot) => slotAt(session.staging.grid, slot).offset);
  return new Refusal(
    'parts_mismatch',
    `The store no longer has ${offsets.length === 1 ? 'a part' : 'parts'} of this upload. The session stays open: list its parts, send again what is missing, and commit.`,
    { context: { offsets }, cause: lost },
  );
}

/** Parts have come since a commit looked at them: what it knows of them counts no more. */
export function sentAgain(cause?: unknown): Refusal {
  return new Refusal('unavailable', 'Parts of this upload were sent again while it was committed. Commit again.', {
    retryAfterSeconds: 1,
    cause,
  });
}
