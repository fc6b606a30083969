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
import { asFile, copy, move, purge, readRow, restore, trash } from './tree-steps.ts';

const died = new Error('the process died');

/** Collects garbage as if nothing in the store had been touched for an hour. */
function collect({ files }: FilesFixture): Promise<number> {
  return collectGarbage({ ...files, clock: new TestClock(Date.now()) } as unknown as UploadContext, {
    grace: -3_600_000,
  });
}

/** A fixture whose database fails from the `n`-th statement on. */
function failingAt(fixture: FilesFixture, n: number): FilesFixture {
  let statements = 0;
  const db = watchQueries(fixture.files.db, {
    beforeAny: () => {
      statements += 1;
      if (statements >= n) throw died;
    },
  });
  return fixture.withFiles({ ...fixture.files, db });
}

async function drawAll(fixture: FilesFixture) {
  const versions = await fixture.files.db.selectFrom('versions').selectAll().orderBy('id').execute();
  return {
    tree: await drawTree(fixture, await readRow(fixture, { id: fixture.owner.root_id })),
    trash: await drawTrash(fixture),
    versions,
  };
}

async function openFixture(plan: Fault<BlobStore>[] = []) {
  const fixture = await openFilesFixture(plan);
  const folder = await fixture.folder('folder');
  await fixture.file('a', { parent: folder.id });
  await fixture.folder('inner', folder.id);
  const other = await fixture.folder('other');
  const gone = await fixture.folder('gone');
  await fixture.file('b', { parent: gone.id });
  await trash(fixture, gone);
  return { fixture, folder, other, gone };
}

type Fixture = Awaited<ReturnType<typeof openFixture>>;
const ACTS: Record<string, (fixture: FilesFixture, initial: Fixture) => Promise<unknown>> = {
  move: (fixture, { folder, other }) => move(fixture, folder, other),
  copy: (fixture, { folder, other }) => copy(fixture, folder, other),
  trash: (fixture, { folder }) => trash(fixture, folder),
  restore: (fixture, { gone }) => restore(fixture, gone),
  'permanent deletion': (fixture, { gone }) => purge(fixture, gone),
};

for (const [what, act] of Object.entries(ACTS)) {
  test(`a ${what} that dies at any statement leaves the tree unchanged or is complete`, async () => {
    const initial = await openFixture();
    await using fixture = initial.fixture;
    const before = await drawAll(fixture);
    for (let n = 1; ; n++) {
      assert.ok(n < 60);
      const failed = await act(failingAt(fixture, n), initial).then(
        () => undefined,
        (error: unknown) => error,
      );
      await assertCountersRight(fixture.files.db);
      if (failed === undefined) break;
      assert.equal(failed, died);
      const now = await drawAll(fixture);
      if (now.versions.length === before.versions.length) assert.deepEqual(now, before);
      // Complete except for the bytes: the rows are deleted first.
      else break;
    }
    assert.notDeepEqual(await drawAll(fixture), before);
  });
}

test('if the removal of bytes fails after their rows were deleted, garbage collection removes these bytes and no others', async () => {
  const plan: Fault<BlobStore>[] = [{ method: 'remove', when: 'before', call: 1, fail: died }];
  await using fixture = await openFilesFixture(plan);
  const kept = asFile(await fixture.file('kept'));
  const gone = asFile(await fixture.file('gone'));
  await trash(fixture, gone);

  await assert.rejects(purge(fixture, gone), (error) => error === died);

  assert.equal((await fixture.listBlobs()).length, 2);
  await assertCountersRight(fixture.files.db);
  assert.equal(await collect(fixture), 1);
  assert.equal((await fixture.listBlobs()).length, 1);
  assert.equal((await readRow(fixture, kept)).trashed_at, null);
});

test('garbage collection keeps bytes that only a copy, an earlier version or an item in the trash references', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a'));
  const folder = await fixture.folder('folder');
  await copy(fixture, file, folder);
  await trash(fixture, file);
  await purge(fixture, file);
  await trash(fixture, folder);

  assert.equal(await collect(fixture), 0);
  await restore(fixture, folder);
  assert.equal((await fixture.listBlobs()).length, 1);
});
