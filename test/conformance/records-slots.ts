import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { NodeId } from '../../packages/protocol/src/ids.ts';
import type { DigestState } from '../../packages/server/src/hash-workers/resumable-pool.ts';
import {
  advanceMark,
  type DigestMark,
  findMark,
  findMarks,
  giveReadingBack,
  takeReading,
  voidMark,
} from '../../packages/server/src/uploads/hashing/checkpoint.ts';
import { disownSlot, listHeldSlots } from '../../packages/server/src/uploads/hashing/local-parts.ts';
import { FIXED_FOR, fixSlot, hasIntents, storeFixed } from '../../packages/server/src/uploads/registry/reservation.ts';
import { countParts, findPart, insertPart, listParts } from '../../packages/server/src/uploads/session-store.ts';
import { newPart, newSha1 } from '../uploads/session-samples.ts';
import { ALL_ENDS, type Behaves, ENDS, NOW, opened, ROUNDS, turn } from './records-samples.ts';

const [ONE, OTHER] = ['1111111111111111' as NodeId, '2222222222222222' as NodeId];
const BEGINNING: DigestMark = { slots: 0, state: undefined };

export function slotsBehave(behaves: Behaves): void {
  describe('a slot that is fixed', () => {
    behaves('is no part yet: it is neither listed nor counted nor found', async (u) => {
      const session = await opened(u);
      await fixSlot(u.db, session, { slot: 3, sha1: newSha1(), node: ONE }, NOW);
      assert.deepEqual(await listParts(u.db, session.id), []);
      assert.equal(await countParts(u.db, session.id), 0);
      assert.equal(await findPart(u.db, session.id, 3), undefined);
      assert.equal(await hasIntents(u.db, session.id, NOW), true);
    });

    behaves('becomes a part once, with its receipt, and says where the digest is', async (u) => {
      const session = await opened(u);
      const intent = { slot: 3, sha1: newSha1(), node: ONE };
      await fixSlot(u.db, session, intent, NOW);
      assert.deepEqual(await storeFixed(u.db, session.id, { ...intent, receipt: 'r' }, NOW), BEGINNING);
      assert.equal(await storeFixed(u.db, session.id, { ...intent, receipt: 's' }, NOW), undefined);
      const { receipt, sha1 } = (await findPart(u.db, session.id, 3)) ?? assert.fail();
      assert.deepEqual({ receipt, sha1 }, { receipt: 'r', sha1: intent.sha1 });
      assert.equal(await hasIntents(u.db, session.id, NOW), false);
      assert.equal((await fixSlot(u.db, session, intent, NOW))?.receipt, 'r');
    });

    behaves('takes other bytes at once where it was fixed before the clock was set back', async (u) => {
      const session = await opened(u);
      await fixSlot(u.db, session, { slot: 0, sha1: newSha1(), node: ONE }, NOW + 86_400_000);
      assert.equal(await hasIntents(u.db, session.id, NOW), false);
      await fixSlot(u.db, session, { slot: 0, sha1: newSha1(), node: OTHER }, NOW);
      assert.equal(await hasIntents(u.db, session.id, NOW), true);
    });

    behaves('takes the same bytes from another node, and others only when its time is over', async (u) => {
      const session = await opened(u);
      const intent = { slot: 0, sha1: newSha1(), node: ONE };
      await fixSlot(u.db, session, intent, NOW);
      await fixSlot(u.db, session, { ...intent, node: OTHER }, NOW + 1);
      const others = { slot: 0, sha1: newSha1(), node: OTHER };
      await assert.rejects(fixSlot(u.db, session, others, NOW + FIXED_FOR), { code: 'unavailable' });
      await fixSlot(u.db, session, others, NOW + 1 + FIXED_FOR);
      assert.equal(await storeFixed(u.db, session.id, { ...intent, receipt: '' }, NOW), undefined);
      assert.deepEqual(await storeFixed(u.db, session.id, { ...others, receipt: '' }, NOW), BEGINNING);
      await assert.rejects(fixSlot(u.db, session, intent, NOW + 10 * FIXED_FOR), {
        code: 'range_overlaps_existing_part',
      });
    });

    behaves('of many at once, from several nodes, is given to one', async (u) => {
      const nodes = [u.db, await u.another()];
      for (let round = 0; round < ROUNDS; round++) {
        const session = await opened(u);
        const intents = Array.from({ length: 8 }, () => ({ slot: round, sha1: newSha1(), node: ONE }));
        const results = await Promise.allSettled(
          intents.map((intent, n) => fixSlot(turn(nodes, n), session, intent, NOW)),
        );
        assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      }
    });

    for (const end of ALL_ENDS) {
      behaves(`cannot be where the session is ${end}, and is gone where it is so meanwhile`, async (u) => {
        const session = await opened(u);
        const intent = { slot: 0, sha1: newSha1(), node: ONE };
        if (end !== 'committed') await fixSlot(u.db, session, intent, NOW);
        await ENDS[end](u.db, session.id);
        assert.equal(await storeFixed(u.db, session.id, { ...intent, receipt: '' }, NOW), undefined);
        await assert.rejects(fixSlot(u.db, session, intent, NOW), (error: { code?: string }) =>
          ['session_expired', 'upload_session_not_found'].includes(error.code ?? ''),
        );
      });
    }
  });

  describe("a digest's mark", () => {
    behaves('is moved by whoever knows where it is, and by nobody else', async (u) => {
      const { id } = await opened(u);
      const at = (slots: number, state: string): DigestMark => ({ slots, state: state as DigestState });
      const move = (from: DigestMark, to: DigestMark) => advanceMark(u.db, id, { from, to, by: ONE, calling: false });
      assert.ok(await move(BEGINNING, at(2, 'a')));
      assert.equal(await move(BEGINNING, at(3, 'x')), undefined);
      assert.equal(await move(at(2, 'of other bytes'), at(3, 'x')), undefined);
      assert.ok(await move(at(2, 'a'), at(3, 'b')));
      const { slots, state } = (await findMark(u.db, id)) ?? assert.fail();
      assert.deepEqual({ slots, state }, at(3, 'b'));
      assert.deepEqual(await findMarks(u.db, [id, (await opened(u)).id]).then((marks) => marks.get(id)), at(3, 'b'));
    });

    behaves('taken back is no place from which anybody goes on who was there before', async (u) => {
      const { id } = await opened(u);
      await voidMark(u.db, id);
      const to = { slots: 1, state: 'a' as DigestState };
      assert.equal(await advanceMark(u.db, id, { from: BEGINNING, to, by: ONE, calling: false }), undefined);
      const voided = { slots: -1, state: undefined };
      assert.ok(await advanceMark(u.db, id, { from: voided, to, by: ONE, calling: false }));
    });

    behaves('moved by many at once, from several nodes, is moved by one', async (u) => {
      const nodes = [u.db, await u.another()];
      for (let round = 0; round < ROUNDS; round++) {
        const { id } = await opened(u);
        const to = { slots: 1, state: 'a' as DigestState };
        const moved = await Promise.all(
          Array.from({ length: 8 }, (_, n) =>
            advanceMark(turn(nodes, n), id, { from: BEGINNING, to, by: ONE, calling: false }),
          ),
        );
        assert.equal(moved.filter((one) => one !== undefined).length, 1);
      }
    });

    behaves('says which node has the next slot, until that has it no more', async (u) => {
      const { id } = await opened(u);
      await insertPart(u.db, id, newPart(0), NOW, ONE);
      await insertPart(u.db, id, newPart(1), NOW, OTHER);
      await insertPart(u.db, id, newPart(2), NOW, OTHER);
      assert.equal((await findMark(u.db, id))?.next, ONE);
      const to = { slots: 1, state: 'a' as DigestState };
      const moved = await advanceMark(u.db, id, { from: BEGINNING, to, by: ONE, calling: false });
      assert.equal(moved?.next, OTHER);
      assert.deepEqual((await listHeldSlots(u.db, id, OTHER, 0)).toSorted(), [1, 2]);
      assert.deepEqual(await listHeldSlots(u.db, id, OTHER, 2), [2]);
      await disownSlot(u.db, id, ONE, 1);
      assert.equal((await findMark(u.db, id))?.next, OTHER);
      await disownSlot(u.db, id, OTHER, 1);
      assert.equal((await findMark(u.db, id))?.next, '');
    });

    for (const end of ALL_ENDS) {
      behaves(`is nobody's where the session is ${end}`, async (u) => {
        const { id } = await opened(u);
        await ENDS[end](u.db, id);
        const to = { slots: 1, state: 'a' as DigestState };
        assert.equal(await advanceMark(u.db, id, { from: BEGINNING, to, by: ONE, calling: false }), undefined);
        assert.equal(await findMark(u.db, id), undefined);
        assert.equal(await takeReading(u.db, id, { by: ONE, now: NOW, until: NOW + 10 }), undefined);
      });
    }

    behaves('is read on to by one node at a time, until its time is over or it gives it back', async (u) => {
      const { id } = await opened(u);
      const take = (by: NodeId, now: number) => takeReading(u.db, id, { by, now, until: now + 10 });
      assert.deepEqual(await take(ONE, NOW), BEGINNING);
      assert.equal(await take(OTHER, NOW + 9), undefined);
      assert.deepEqual(await take(ONE, NOW + 9), BEGINNING);
      assert.equal(await take(OTHER, NOW + 18), undefined);
      assert.deepEqual(await take(OTHER, NOW + 19), BEGINNING);
      await giveReadingBack(u.db, id, ONE);
      assert.equal(await take(ONE, NOW + 20), undefined);
      await giveReadingBack(u.db, id, OTHER);
      assert.deepEqual(await take(ONE, NOW + 20), BEGINNING);
    });

    behaves('is read on to at once where its time is from before the clock was set back', async (u) => {
      const { id } = await opened(u);
      const take = (by: NodeId, now: number) => takeReading(u.db, id, { by, now, until: now + 10 });
      assert.deepEqual(await take(ONE, NOW + 86_400_000), BEGINNING);
      assert.deepEqual(await take(OTHER, NOW), BEGINNING);
    });
  });
}
