import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { collectGarbage } from '../../packages/server/src/uploads/collect-garbage.ts';
import type { UploadContext } from '../../packages/server/src/uploads/context.ts';
import type { Fault } from '../faults/faulty.ts';
import { TestClock } from '../support/test-clock.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { drawTrash, drawTree } from './tree-drawing.ts';
import { copy, fileOf, move, purge, restore, rowOf, trash } from './tree-steps.ts';

const died = new Error('the process died');

/** Sweeps as if everything in the store had not been touched for an hour. */
function sweep({ files }: FilesFixture): Promise<number> {
  return collectGarbage({ ...files, clock: new TestClock(Date.now()) } as unknown as UploadContext, {
    grace: -3_600_000,
  });
}

/** The house whose `n`-th statement from now on, and every one after it, finds no database. */
function dyingAt(fixture: FilesFixture, n: number): FilesFixture {
  let asked = 0;
  const db = watchQueries(fixture.files.db, {
    beforeAny: () => {
      asked += 1;
      if (asked >= n) throw died;
    },
  });
  return fixture.withFiles({ ...fixture.files, db });
}

async function drawing(fixture: FilesFixture) {
  const versions = await fixture.files.db.selectFrom('versions').selectAll().orderBy('id').execute();
  return {
    tree: await drawTree(fixture, await rowOf(fixture, { id: fixture.owner.root_id })),
    trash: await drawTrash(fixture),
    versions,
  };
}

async function furnished(plan: Fault<BlobStore>[] = []) {
  const fixture = await openFilesFixture(plan);
  const folder = await fixture.folder('folder');
  await fixture.file('a', { parent: folder.id });
  await fixture.folder('inner', folder.id);
  const other = await fixture.folder('other');
  const gone = await fixture.folder('gone');
  await fixture.file('b', { parent: gone.id });
  await trash(fixture, gone);
  return { house: fixture, folder, other, gone };
}

type Furnished = Awaited<ReturnType<typeof furnished>>;
const ACTS: Record<string, (fixture: FilesFixture, its: Furnished) => Promise<unknown>> = {
  move: (fixture, { folder, other }) => move(fixture, folder, other),
  copy: (fixture, { folder, other }) => copy(fixture, folder, other),
  trash: (fixture, { folder }) => trash(fixture, folder),
  restore: (fixture, { gone }) => restore(fixture, gone),
  'deletion for good': (fixture, { gone }) => purge(fixture, gone),
};

for (const [what, act] of Object.entries(ACTS)) {
  test(`a ${what} that dies at any statement leaves the tree as it was, or is done`, async () => {
    const its = await furnished();
    await using fixture = its.house;
    const before = await drawing(fixture);
    for (let n = 1; ; n++) {
      assert.ok(n < 60);
      const failed = await act(dyingAt(fixture, n), its).then(
        () => undefined,
        (error: unknown) => error,
      );
      await assertCountersRight(fixture.files.db);
      if (failed === undefined) break;
      assert.equal(failed, died);
      const now = await drawing(fixture);
      if (now.versions.length === before.versions.length) assert.deepEqual(now, before);
      // Done, but for the bytes: the rows go first.
      else break;
    }
    assert.notDeepEqual(await drawing(fixture), before);
  });
}

test('bytes whose removal dies after their rows went are left to the sweep, which takes only them', async () => {
  const plan: Fault<BlobStore>[] = [{ method: 'remove', when: 'before', call: 1, fail: died }];
  await using fixture = await openFilesFixture(plan);
  const kept = fileOf(await fixture.file('kept'));
  const gone = fileOf(await fixture.file('gone'));
  await trash(fixture, gone);

  await assert.rejects(purge(fixture, gone), (error) => error === died);

  assert.equal((await fixture.stored()).length, 2);
  await assertCountersRight(fixture.files.db);
  assert.equal(await sweep(fixture), 1);
  assert.equal((await fixture.stored()).length, 1);
  assert.equal((await rowOf(fixture, kept)).trashed_at, null);
});

test('the sweep leaves bytes that only a copy, a past version or something in the trash names', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a'));
  const folder = await fixture.folder('folder');
  await copy(fixture, file, folder);
  await trash(fixture, file);
  await purge(fixture, file);
  await trash(fixture, folder);

  assert.equal(await sweep(fixture), 0);
  await restore(fixture, folder);
  assert.equal((await fixture.stored()).length, 1);
});
