import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { ItemId, NodeId, VersionId } from '../../packages/protocol/src/ids.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import type { HashState } from '../../packages/server/src/hash-workers/resumable-pool.ts';
import {
  type HashCheckpoint,
  invalidateHashCheckpoint,
  REHASH,
  saveHashCheckpoint,
} from '../../packages/server/src/uploads/hashing/checkpoint.ts';
import { countParts, findSession, insertPart, setCommitted } from '../../packages/server/src/uploads/session-store.ts';
import { newPart, newSha1 } from '../uploads/session-samples.ts';
import { ALL_ENDS, type Behaves, ENDS, insertManyParts, NOW, openSession, ROUNDS, turn } from './records-samples.ts';

export function testEnds(testRecords: Behaves): void {
  describe('the end of a session', () => {
    for (const first of ALL_ENDS) {
      for (const second of ALL_ENDS) {
        testRecords(`cannot be ${second} once ${first}`, async (u) => {
          const { id } = await openSession(u);
          assert.equal(await ENDS[first](u.db, id), true);
          assert.equal(await ENDS[second](u.db, id), false);
          assert.equal((await findSession(u.db, id))?.state ?? 'deleted', first);
        });
      }
    }

    testRecords("is no commit if the digest's checkpoint has been replaced, even by one that is as far", async (u) => {
      const { id } = await openSession(u);
      const at = (state: string): HashCheckpoint => ({ parts: 3, state: state as HashState });
      const made = { fileId: newId<ItemId>(), versionId: newId<VersionId>(), sha1: newSha1() };
      const commit = (checkpoint: HashCheckpoint) =>
        u.db.transaction().execute((tx) => setCommitted(tx, id, made, checkpoint));
      const move = { to: at('of these bytes'), by: 'one' as NodeId, notify: false };
      assert.ok(await saveHashCheckpoint(u.db, id, { ...move, from: { parts: 0, state: undefined } }));
      assert.equal(await commit(at('of others')), false);
      await invalidateHashCheckpoint(u.db, id);
      assert.equal(await commit(at('of these bytes')), false);
      assert.equal((await findSession(u.db, id))?.state, 'open');
      assert.ok(await saveHashCheckpoint(u.db, id, { ...move, from: REHASH }));
      assert.equal(await commit(at('of these bytes')), true);
    });

    testRecords('by a commit, an expiry and an abort in parallel, from several nodes: one wins', async (u) => {
      const nodes = [u.db, await u.openAnother()];
      for (let round = 0; round < ROUNDS; round++) {
        const { id } = await openSession(u);
        const ends = Array.from({ length: 6 }, (_, n) => turn(ALL_ENDS, n + round));
        const won = await Promise.all(ends.map((end, n) => ENDS[end](turn(nodes, n), id)));
        assert.equal(won.filter((one) => one).length, 1);
        assert.equal((await findSession(u.db, id))?.state ?? 'deleted', ends[won.indexOf(true)]);
      }
    });

    testRecords('keeps the parts of a committed session and deletes those of others', async (u) => {
      for (const end of ALL_ENDS) {
        const { id } = await openSession(u);
        await insertManyParts(u, id, 3);
        await ENDS[end](u.db, id);
        assert.equal(await countParts(u.db, id), end === 'committed' ? 3 : 0, end);
      }
    });

    testRecords('deletes parts that are being recorded', async (u) => {
      const other = await u.openAnother();
      for (let round = 0; round < ROUNDS; round++) {
        for (const end of ['expired', 'deleted'] as const) {
          const { id } = await openSession(u);
          const parts = Array.from({ length: 4 }, (_, slot) => insertPart(other, id, newPart(slot), NOW));
          await Promise.all([...parts, ENDS[end](u.db, id)]);
          assert.equal(await countParts(u.db, id), 0);
        }
      }
    });
  });
}
