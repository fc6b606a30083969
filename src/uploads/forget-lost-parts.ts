import { Refusal } from '../api/refusal.ts';
import type { LostParts } from '../content/content.ts';
import { voidMark } from './digest-mark.ts';
import { forget } from './forget.ts';
import type { Session } from './session.ts';
import { slotAt } from './slot.ts';
import type { Uploads } from './uploads.ts';

/**
 * The store has lost parts that were acknowledged: their rows go, so that the client can send them again rather than
 * fail for ever. The digest may hold other bytes than those that will come, so that it is made anew, at the commit.
 * @returns What the commit that found it out is refused with.
 */
export async function forgetLostParts(uploads: Uploads, session: Session, lost: LostParts): Promise<Refusal> {
  await uploads.db.transaction().execute(async (tx) => {
    await voidMark(tx, session.id);
    await tx
      .deleteFrom('parts')
      .where('session_id', '=', session.id)
      .where('slot', 'in', lost.slots)
      .where('stored', '=', 1)
      .execute();
  });
  forget(uploads, session.id);
  const offsets = lost.slots.map((slot) => slotAt(session.staging.grid, slot).offset);
  return new Refusal(
    'parts_mismatch',
    `The store no longer has ${offsets.length === 1 ? 'a part' : 'parts'} of this upload. The session stays open: list its parts, send again what is missing, and commit.`,
    { context: { offsets }, cause: lost },
  );
}
