import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { NodeId } from '../../packages/protocol/src/ids.ts';
import type { HashState } from '../../packages/server/src/hash-workers/resumable-pool.ts';
import {
  acquireReadLease,
  findHashCheckpoint,
  findHashCheckpoints,
  type HashCheckpoint,
  invalidateHashCheckpoint,
  releaseReadLease,
  saveHashCheckpoint,
} from '../../packages/server/src/uploads/hashing/checkpoint.ts';
import { clearPartOwner, listLocalParts } from '../../packages/server/src/uploads/hashing/local-parts.ts';
import {
  confirmPart,
  hasReservations,
  RESERVATION_TTL,
  reservePart,
} from '../../packages/server/src/uploads/registry/reservation.ts';
import { countParts, findPart, insertPart, listParts } from '../../packages/server/src/uploads/session-store.ts';
import { newPart, newSha1 } from '../uploads/session-samples.ts';
import { ALL_ENDS, type Behaves, ENDS, NOW, openSession, ROUNDS, turn } from './records-samples.ts';

const [ONE, OTHER] = ['1111111111111111' as NodeId, '2222222222222222' as NodeId];
const BEGINNING: HashCheckpoint = { parts: 0, state: undefined };

export function testReservations(testRecords: Behaves): void {
  describe('a part reservation', () => {
    testRecords('is not a part yet: it is not listed, counted or found', async (u) => {
      const session = await openSession(u);
      await reservePart(u.db, session, { index: 3, sha1: newSha1(), node: ONE }, NOW);
      assert.deepEqual(await listParts(u.db, session.id), []);
      assert.equal(await countParts(u.db, session.id), 0);
      assert.equal(await findPart(u.db, session.id, 3), undefined);
      assert.equal(await hasReservations(u.db, session.id, NOW), true);
    });

    testRecords('becomes a part once, with its tag, and returns where the hash checkpoint is', async (u) => {
      const session = await openSession(u);
      const intent = { index: 3, sha1: newSha1(), node: ONE };
      await reservePart(u.db, session, intent, NOW);
      assert.deepEqual(await confirmPart(u.db, session.id, { ...intent, tag: 'r' }, NOW), BEGINNING);
      assert.equal(await confirmPart(u.db, session.id, { ...intent, tag: 's' }, NOW), undefined);
      const { tag, sha1 } = (await findPart(u.db, session.id, 3)) ?? assert.fail();
      assert.deepEqual({ tag, sha1 }, { tag: 'r', sha1: intent.sha1 });
      assert.equal(await hasReservations(u.db, session.id, NOW), false);
      assert.equal((await reservePart(u.db, session, intent, NOW))?.tag, 'r');
    });

    testRecords('made before the clock was set back is replaced by other bytes immediately', async (u) => {
      const session = await openSession(u);
      await reservePart(u.db, session, { index: 0, sha1: newSha1(), node: ONE }, NOW + 86_400_000);
      assert.equal(await hasReservations(u.db, session.id, NOW), false);
      await reservePart(u.db, session, { index: 0, sha1: newSha1(), node: OTHER }, NOW);
      assert.equal(await hasReservations(u.db, session.id, NOW), true);
    });

    testRecords(
      'is shared by the same bytes from another node, and replaced by others only when it expires',
      async (u) => {
        const session = await openSession(u);
        const intent = { index: 0, sha1: newSha1(), node: ONE };
        await reservePart(u.db, session, intent, NOW);
        await reservePart(u.db, session, { ...intent, node: OTHER }, NOW + 1);
        const others = { index: 0, sha1: newSha1(), node: OTHER };
        await assert.rejects(reservePart(u.db, session, others, NOW + RESERVATION_TTL), { code: 'unavailable' });
        await reservePart(u.db, session, others, NOW + 1 + RESERVATION_TTL);
        assert.equal(await confirmPart(u.db, session.id, { ...intent, tag: '' }, NOW), undefined);
        assert.deepEqual(await confirmPart(u.db, session.id, { ...others, tag: '' }, NOW), BEGINNING);
        await assert.rejects(reservePart(u.db, session, intent, NOW + 10 * RESERVATION_TTL), {
          code: 'part-exists',
        });
      },
    );

    testRecords('requested in parallel from several nodes is given to one', async (u) => {
      const nodes = [u.db, await u.openAnother()];
      for (let round = 0; round < ROUNDS; round++) {
        const session = await openSession(u);
        const intents = Array.from({ length: 8 }, () => ({ index: round, sha1: newSha1(), node: ONE }));
        const results = await Promise.allSettled(
          intents.map((intent, n) => reservePart(turn(nodes, n), session, intent, NOW)),
        );
        assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      }
    });

    for (const end of ALL_ENDS) {
      testRecords(`is rejected if the session is ${end}, and is gone if that happens in the meantime`, async (u) => {
        const session = await openSession(u);
        const intent = { index: 0, sha1: newSha1(), node: ONE };
        if (end !== 'committed') await reservePart(u.db, session, intent, NOW);
        await ENDS[end](u.db, session.id);
        assert.equal(await confirmPart(u.db, session.id, { ...intent, tag: '' }, NOW), undefined);
        await assert.rejects(reservePart(u.db, session, intent, NOW), (error: { code?: string }) =>
          ['session-expired', 'session-not-found'].includes(error.code ?? ''),
        );
      });
    }
  });

  describe('a hash checkpoint', () => {
    testRecords('is replaced only by a node that knows it', async (u) => {
      const { id } = await openSession(u);
      const at = (slots: number, state: string): HashCheckpoint => ({ parts: slots, state: state as HashState });
      const move = (from: HashCheckpoint, to: HashCheckpoint) =>
        saveHashCheckpoint(u.db, id, { from, to, by: ONE, notify: false });
      assert.ok(await move(BEGINNING, at(2, 'a')));
      assert.equal(await move(BEGINNING, at(3, 'x')), undefined);
      assert.equal(await move(at(2, 'of other bytes'), at(3, 'x')), undefined);
      assert.ok(await move(at(2, 'a'), at(3, 'b')));
      const { parts: slots, state } = (await findHashCheckpoint(u.db, id)) ?? assert.fail();
      assert.deepEqual({ parts: slots, state }, at(3, 'b'));
      assert.deepEqual(
        await findHashCheckpoints(u.db, [id, (await openSession(u)).id]).then((marks) => marks.get(id)),
        at(3, 'b'),
      );
    });

    testRecords('that was reset cannot be replaced by a node that used it before', async (u) => {
      const { id } = await openSession(u);
      await invalidateHashCheckpoint(u.db, id);
      const to = { parts: 1, state: 'a' as HashState };
      assert.equal(await saveHashCheckpoint(u.db, id, { from: BEGINNING, to, by: ONE, notify: false }), undefined);
      const voided = { parts: -1, state: undefined };
      assert.ok(await saveHashCheckpoint(u.db, id, { from: voided, to, by: ONE, notify: false }));
    });

    testRecords('replaced in parallel from several nodes is replaced by one', async (u) => {
      const nodes = [u.db, await u.openAnother()];
      for (let round = 0; round < ROUNDS; round++) {
        const { id } = await openSession(u);
        const to = { parts: 1, state: 'a' as HashState };
        const moved = await Promise.all(
          Array.from({ length: 8 }, (_, n) =>
            saveHashCheckpoint(turn(nodes, n), id, { from: BEGINNING, to, by: ONE, notify: false }),
          ),
        );
        assert.equal(moved.filter((one) => one !== undefined).length, 1);
      }
    });

    testRecords('names the node that has the next part until that no longer has it', async (u) => {
      const { id } = await openSession(u);
      await insertPart(u.db, id, newPart(0), NOW, ONE);
      await insertPart(u.db, id, newPart(1), NOW, OTHER);
      await insertPart(u.db, id, newPart(2), NOW, OTHER);
      assert.equal((await findHashCheckpoint(u.db, id))?.next, ONE);
      const to = { parts: 1, state: 'a' as HashState };
      const moved = await saveHashCheckpoint(u.db, id, { from: BEGINNING, to, by: ONE, notify: false });
      assert.equal(moved?.next, OTHER);
      assert.deepEqual((await listLocalParts(u.db, id, OTHER, 0)).toSorted(), [1, 2]);
      assert.deepEqual(await listLocalParts(u.db, id, OTHER, 2), [2]);
      await clearPartOwner(u.db, id, ONE, 1);
      assert.equal((await findHashCheckpoint(u.db, id))?.next, OTHER);
      await clearPartOwner(u.db, id, OTHER, 1);
      assert.equal((await findHashCheckpoint(u.db, id))?.next, '');
    });

    for (const end of ALL_ENDS) {
      testRecords(`does not exist if the session is ${end}`, async (u) => {
        const { id } = await openSession(u);
        await ENDS[end](u.db, id);
        const to = { parts: 1, state: 'a' as HashState };
        assert.equal(await saveHashCheckpoint(u.db, id, { from: BEGINNING, to, by: ONE, notify: false }), undefined);
        assert.equal(await findHashCheckpoint(u.db, id), undefined);
        assert.equal(await acquireReadLease(u.db, id, { by: ONE, now: NOW, until: NOW + 10 }), undefined);
      });
    }

    testRecords('is leased for reading to one node at a time, until its time is over or it releases it', async (u) => {
      const { id } = await openSession(u);
      const acquire = (by: NodeId, now: number) => acquireReadLease(u.db, id, { by, now, until: now + 10 });
      assert.deepEqual(await acquire(ONE, NOW), BEGINNING);
      assert.equal(await acquire(OTHER, NOW + 9), undefined);
      assert.deepEqual(await acquire(ONE, NOW + 9), BEGINNING);
      assert.equal(await acquire(OTHER, NOW + 18), undefined);
      assert.deepEqual(await acquire(OTHER, NOW + 19), BEGINNING);
      await releaseReadLease(u.db, id, ONE);
      assert.equal(await acquire(ONE, NOW + 20), undefined);
      await releaseReadLease(u.db, id, OTHER);
      assert.deepEqual(await acquire(ONE, NOW + 20), BEGINNING);
    });

    testRecords('is leased immediately if its lease is from before the clock was set back', async (u) => {
      const { id } = await openSession(u);
      const acquire = (by: NodeId, now: number) => acquireReadLease(u.db, id, { by, now, until: now + 10 });
      assert.deepEqual(await acquire(ONE, NOW + 86_400_000), BEGINNING);
      assert.deepEqual(await acquire(OTHER, NOW), BEGINNING);
    });
  });
}
