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
import { ALL_ENDS, type Behaves, ENDS, fill, NOW, opened, ROUNDS, turn } from './records-samples.ts';

export function endsBehave(behaves: Behaves): void {
  describe('the end of a session', () => {
    for (const first of ALL_ENDS) {
      for (const second of ALL_ENDS) {
        behaves(`once ${first} it cannot be ${second}`, async (u) => {
          const { id } = await opened(u);
          assert.equal(await ENDS[first](u.db, id), true);
          assert.equal(await ENDS[second](u.db, id), false);
          assert.equal((await findSession(u.db, id))?.state ?? 'deleted', first);
        });
      }
    }

    behaves('is no commit with a digest whose mark is another by now, though it has come as far', async (u) => {
      const { id } = await opened(u);
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

    behaves('of a commit, an expiry and an abort at once, from several nodes, one wins', async (u) => {
      const nodes = [u.db, await u.another()];
      for (let round = 0; round < ROUNDS; round++) {
        const { id } = await opened(u);
        const ends = Array.from({ length: 6 }, (_, n) => turn(ALL_ENDS, n + round));
        const won = await Promise.all(ends.map((end, n) => ENDS[end](turn(nodes, n), id)));
        assert.equal(won.filter((one) => one).length, 1);
        assert.equal((await findSession(u.db, id))?.state ?? 'deleted', ends[won.indexOf(true)]);
      }
    });

    behaves('keeps the parts of a committed session and takes those of others along', async (u) => {
      for (const end of ALL_ENDS) {
        const { id } = await opened(u);
        await fill(u, id, 3);
        await ENDS[end](u.db, id);
        assert.equal(await countParts(u.db, id), end === 'committed' ? 3 : 0, end);
      }
    });

    behaves('leaves no part behind of those that were just being recorded', async (u) => {
      const other = await u.another();
      for (let round = 0; round < ROUNDS; round++) {
        for (const end of ['expired', 'deleted'] as const) {
          const { id } = await opened(u);
          const parts = Array.from({ length: 4 }, (_, slot) => insertPart(other, id, newPart(slot), NOW));
          await Promise.all([...parts, ENDS[end](u.db, id)]);
          assert.equal(await countParts(u.db, id), 0);
        }
      }
    });
  });
}
