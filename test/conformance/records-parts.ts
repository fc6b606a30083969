import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { countParts, findPart, insertPart, listParts } from '../../packages/server/src/uploads/session-store.ts';
import { newPart, newSession } from '../uploads/session-samples.ts';
import { ALL_ENDS, type Behaves, ENDS, fill, NOW, opened, ROUNDS, turn } from './records-samples.ts';

export function partsBehave(behaves: Behaves): void {
  describe('parts', () => {
    behaves('a slot belongs to the first part recorded in it; the second is told so and changes nothing', async (u) => {
      const { id } = await opened(u);
      const [first, second] = [newPart(7, 'a receipt'), newPart(7, 'another')];
      assert.equal(await insertPart(u.db, id, first, NOW), true);
      assert.equal(await insertPart(u.db, id, second, NOW), false);
      assert.equal(await insertPart(u.db, id, first, NOW), false);
      const { partId, ...stored } = (await findPart(u.db, id, 7)) ?? assert.fail();
      assert.deepEqual(stored, first);
      assert.match(partId, /^[0-9A-F]{8}$/);
    });

    behaves('of many parts recorded in one slot at once, from several nodes, one wins and stands', async (u) => {
      const nodes = [u.db, await u.another()];
      for (let round = 0; round < ROUNDS; round++) {
        const { id } = await opened(u);
        const parts = Array.from({ length: 12 }, () => newPart(round));
        const won = await Promise.all(parts.map((part, n) => insertPart(turn(nodes, n), id, part, NOW)));
        assert.deepEqual(won.toSorted(), [...Array(11).fill(false), true]);
        assert.equal((await findPart(u.db, id, round))?.sha1, parts[won.indexOf(true)]?.sha1);
        assert.equal(await countParts(u.db, id), 1);
      }
    });

    behaves('parts recorded at once in many slots are all there, listed in the order of their bytes', async (u) => {
      const nodes = [u.db, await u.another()];
      const { id } = await opened(u);
      const parts = [11, 2, 9, 0, 10, 1, 100, 9_999, 20].map((slot) => newPart(slot));
      const won = await Promise.all(parts.map((part, n) => insertPart(turn(nodes, n), id, part, NOW)));
      assert.ok(won.every((one) => one));
      const listed = await listParts(u.db, id);
      assert.deepEqual(
        listed.map(({ index, sha1, tag }) => ({ index, sha1, tag })),
        parts.toSorted((a, b) => a.index - b.index),
      );
    });

    behaves('a list is cut into pages without gap or repetition', async (u) => {
      const { id } = await opened(u);
      await fill(u, id, 25);
      const pages = [];
      for (let offset = 0; offset < 30; offset += 10) pages.push(await listParts(u.db, id, { offset, limit: 10 }));
      assert.deepEqual(
        pages.map((page) => page.length),
        [10, 10, 5],
      );
      assert.deepEqual(pages.flat(), await listParts(u.db, id));
      assert.deepEqual(await listParts(u.db, id, { offset: 25, limit: 10 }), []);
      assert.equal(await countParts(u.db, id), 25);
    });

    behaves('the 10,000 parts that a session may have are listed and counted whole', async (u) => {
      const { id } = await opened(u);
      await fill(u, id, 10_000);
      assert.equal((await listParts(u.db, id)).length, 10_000);
      assert.equal(await countParts(u.db, id), 10_000);
    });

    behaves('the parts of one session are none of another', async (u) => {
      const [one, other] = [await opened(u), await opened(u)];
      await insertPart(u.db, one.id, newPart(0), NOW);
      assert.equal(await findPart(u.db, other.id, 0), undefined);
      assert.deepEqual(await listParts(u.db, other.id), []);
      assert.equal(await insertPart(u.db, other.id, newPart(0), NOW), true);
    });

    for (const end of ALL_ENDS) {
      behaves(`no part is recorded in a session that is ${end}`, async (u) => {
        const { id } = await opened(u);
        assert.equal(await ENDS[end](u.db, id), true);
        assert.equal(await insertPart(u.db, id, newPart(0), NOW), false);
        assert.deepEqual(await listParts(u.db, id), []);
      });
    }

    behaves('no part is recorded in a session that never was', async (u) => {
      assert.equal(await insertPart(u.db, newSession(u.owner).id, newPart(0), NOW), false);
    });
  });
}
