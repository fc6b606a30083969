import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { countParts, findPart, insertPart, listParts } from '../../packages/server/src/uploads/session-store.ts';
import { newPart, newSession } from '../uploads/session-samples.ts';
import { ALL_ENDS, type Behaves, ENDS, insertManyParts, NOW, openSession, ROUNDS, turn } from './records-samples.ts';

export function testParts(testRecords: Behaves): void {
  describe('parts', () => {
    testRecords(
      'a part belongs to the first bytes recorded for it; the second call gets that result and changes nothing',
      async (u) => {
        const { id } = await openSession(u);
        const [first, second] = [newPart(7, 'a receipt'), newPart(7, 'another')];
        assert.equal(await insertPart(u.db, id, first, NOW), true);
        assert.equal(await insertPart(u.db, id, second, NOW), false);
        assert.equal(await insertPart(u.db, id, first, NOW), false);
        const { partId, ...stored } = (await findPart(u.db, id, 7)) ?? assert.fail();
        assert.deepEqual(stored, first);
        assert.match(partId, /^[0-9A-F]{8}$/);
      },
    );

    testRecords(
      'of many parts recorded for one index in parallel, from several nodes, one wins and is kept',
      async (u) => {
        const nodes = [u.db, await u.openAnother()];
        for (let round = 0; round < ROUNDS; round++) {
          const { id } = await openSession(u);
          const parts = Array.from({ length: 12 }, () => newPart(round));
          const won = await Promise.all(parts.map((part, n) => insertPart(turn(nodes, n), id, part, NOW)));
          assert.deepEqual(won.toSorted(), [...Array(11).fill(false), true]);
          assert.equal((await findPart(u.db, id, round))?.sha1, parts[won.indexOf(true)]?.sha1);
          assert.equal(await countParts(u.db, id), 1);
        }
      },
    );

    testRecords('parts recorded in parallel are all stored, and listed in the order of their bytes', async (u) => {
      const nodes = [u.db, await u.openAnother()];
      const { id } = await openSession(u);
      const parts = [11, 2, 9, 0, 10, 1, 100, 9_999, 20].map((slot) => newPart(slot));
      const won = await Promise.all(parts.map((part, n) => insertPart(turn(nodes, n), id, part, NOW)));
      assert.ok(won.every((one) => one));
      const listed = await listParts(u.db, id);
      assert.deepEqual(
        listed.map(({ index, sha1, tag }) => ({ index, sha1, tag })),
        parts.toSorted((a, b) => a.index - b.index),
      );
    });

    testRecords('a list is split into pages without gaps or repetition', async (u) => {
      const { id } = await openSession(u);
      await insertManyParts(u, id, 25);
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

    testRecords('all 10,000 parts that a session can have are listed and counted', async (u) => {
      const { id } = await openSession(u);
      await insertManyParts(u, id, 10_000);
      assert.equal((await listParts(u.db, id)).length, 10_000);
      assert.equal(await countParts(u.db, id), 10_000);
    });

    testRecords('the parts of one session do not belong to another', async (u) => {
      const [one, other] = [await openSession(u), await openSession(u)];
      await insertPart(u.db, one.id, newPart(0), NOW);
      assert.equal(await findPart(u.db, other.id, 0), undefined);
      assert.deepEqual(await listParts(u.db, other.id), []);
      assert.equal(await insertPart(u.db, other.id, newPart(0), NOW), true);
    });

    for (const end of ALL_ENDS) {
      testRecords(`no part is recorded in a session that is ${end}`, async (u) => {
        const { id } = await openSession(u);
        assert.equal(await ENDS[end](u.db, id), true);
        assert.equal(await insertPart(u.db, id, newPart(0), NOW), false);
        assert.deepEqual(await listParts(u.db, id), []);
      });
    }

    testRecords('no part is recorded in a session that never existed', async (u) => {
      assert.equal(await insertPart(u.db, newSession(u.owner).id, newPart(0), NOW), false);
    });
  });
}
