import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import type { UploadContext } from '../../packages/server/src/uploads/context.ts';
import { collectGarbage } from '../../packages/server/src/uploads/remove-orphans.ts';
import type { Fault } from '../faults/faulty.ts';
import { TestClock } from '../support/test-clock.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { type House, openHouse } from './house.ts';
import { assertCountersRight } from './recount.ts';
import { copy, fileOf, move, purge, restore, rowOf, trash } from './tree-acts.ts';
import { drawTrash, drawTree } from './tree-drawing.ts';

const died = new Error('the process died');

/** Sweeps as if everything in the store had not been touched for an hour. */
function sweep({ files }: House): Promise<number> {
  return collectGarbage({ ...files, clock: new TestClock(Date.now()) } as unknown as UploadContext, {
    grace: -3_600_000,
  });
}

/** The house whose `n`-th statement from now on, and every one after it, finds no database. */
function dyingAt(house: House, n: number): House {
  let asked = 0;
  const db = watchQueries(house.files.db, {
    beforeAny: () => {
      asked += 1;
      if (asked >= n) throw died;
    },
  });
  return house.withFiles({ ...house.files, db });
}

async function drawing(house: House) {
  const versions = await house.files.db.selectFrom('versions').selectAll().orderBy('id').execute();
  return {
    tree: await drawTree(house, await rowOf(house, { id: house.owner.root_id })),
    trash: await drawTrash(house),
    versions,
  };
}

async function furnished(plan: Fault<BlobStore>[] = []) {
  const house = await openHouse(plan);
  const folder = await house.folder('folder');
  await house.file('a', { parent: folder.id });
  await house.folder('inner', folder.id);
  const other = await house.folder('other');
  const gone = await house.folder('gone');
  await house.file('b', { parent: gone.id });
  await trash(house, gone);
  return { house, folder, other, gone };
}

type Furnished = Awaited<ReturnType<typeof furnished>>;
const ACTS: Record<string, (house: House, its: Furnished) => Promise<unknown>> = {
  move: (house, { folder, other }) => move(house, folder, other),
  copy: (house, { folder, other }) => copy(house, folder, other),
  trash: (house, { folder }) => trash(house, folder),
  restore: (house, { gone }) => restore(house, gone),
  'deletion for good': (house, { gone }) => purge(house, gone),
};

for (const [what, act] of Object.entries(ACTS)) {
  test(`a ${what} that dies at any statement leaves the tree as it was, or is done`, async () => {
    const its = await furnished();
    await using house = its.house;
    const before = await drawing(house);
    for (let n = 1; ; n++) {
      assert.ok(n < 60);
      const failed = await act(dyingAt(house, n), its).then(
        () => undefined,
        (error: unknown) => error,
      );
      await assertCountersRight(house.files.db);
      if (failed === undefined) break;
      assert.equal(failed, died);
      const now = await drawing(house);
      if (now.versions.length === before.versions.length) assert.deepEqual(now, before);
      // Done, but for the bytes: the rows go first.
      else break;
    }
    assert.notDeepEqual(await drawing(house), before);
  });
}

test('bytes whose removal dies after their rows went are left to the sweep, which takes only them', async () => {
  const plan: Fault<BlobStore>[] = [{ method: 'remove', when: 'before', call: 1, fail: died }];
  await using house = await openHouse(plan);
  const kept = fileOf(await house.file('kept'));
  const gone = fileOf(await house.file('gone'));
  await trash(house, gone);

  await assert.rejects(purge(house, gone), (error) => error === died);

  assert.equal((await house.stored()).length, 2);
  await assertCountersRight(house.files.db);
  assert.equal(await sweep(house), 1);
  assert.equal((await house.stored()).length, 1);
  assert.equal((await rowOf(house, kept)).trashed_at, null);
});

test('the sweep leaves bytes that only a copy, a past version or something in the trash names', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a'));
  const folder = await house.folder('folder');
  await copy(house, file, folder);
  await trash(house, file);
  await purge(house, file);
  await trash(house, folder);

  assert.equal(await sweep(house), 0);
  await restore(house, folder);
  assert.equal((await house.stored()).length, 1);
});
