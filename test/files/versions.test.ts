import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VersionId } from '../../packages/protocol/src/ids.ts';
import { getDownload } from '../../packages/server/src/files/get-item.ts';
import {
  listVersions,
  promoteVersion,
  restoreVersion,
  trashVersion,
} from '../../packages/server/src/files/versions.ts';
import { type FilesFixture, openFilesFixture, refusal } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, fileOf, promote, purge, rename, rowOf, trash, versionsOf } from './tree-steps.ts';

async function fileWithVersions(fixture: FilesFixture, ...texts: string[]) {
  const [first = '', ...later] = texts;
  const file = fileOf(await fixture.file('a.txt', { text: first }));
  for (const text of later) await addVersion(fixture, file, text);
  const ids = (await versionsOf(fixture, file)).map(({ id }) => id);
  const named = (number: number, by = fixture.owner) => ({
    caller: by.id,
    fileId: file.id,
    versionId: ids[number - 1] ?? (12_345 as VersionId),
  });
  return { file, ids, named };
}

test('the list of versions has the past ones, the newest first, page by page', async () => {
  await using fixture = await openFilesFixture();
  const { file } = await fileWithVersions(fixture, '1', '2', '3', '4');
  const row = await rowOf(fixture, file);
  const numbers = async (offset: number, limit: number) => {
    const { versions, total } = await listVersions(fixture.files.db, row, { offset, limit });
    assert.equal(total, 3);
    return versions.map(({ number }) => number);
  };

  assert.deepEqual(await numbers(0, 100), [3, 2, 1]);
  assert.deepEqual([await numbers(0, 2), await numbers(2, 2)], [[3, 2], [1]]);
});

test('a promoted version is a new one with the same bytes; those before stay', async () => {
  await using fixture = await openFilesFixture();
  const { file, ids } = await fileWithVersions(fixture, 'first', 'second');

  const made = await promote(fixture, file, ids[0] as VersionId);

  const versions = await versionsOf(fixture, file);
  assert.deepEqual(
    versions.map(({ number, size }) => [number, size]),
    [
      [1, 5],
      [2, 6],
      [3, 5],
    ],
  );
  assert.equal(versions[0]?.blob_id, versions[2]?.blob_id);
  const row = await rowOf(fixture, file);
  assert.deepEqual([row.version_id, row.size, row.etag], [made, 5, 2]);
  assert.equal((await fixture.stored()).length, 2);
  await assertCountersRight(fixture.files.db);
});

test('to promote the current version changes nothing', async () => {
  await using fixture = await openFilesFixture();
  const { file, ids } = await fileWithVersions(fixture, 'first', 'second');

  assert.equal(await promote(fixture, file, ids[1] as VersionId), ids[1]);

  assert.equal((await rowOf(fixture, file)).etag, 1);
  assert.equal((await versionsOf(fixture, file)).length, 2);
});

test('a promotion is refused where the name it brings is taken, and for the wrong state', async () => {
  await using fixture = await openFilesFixture();
  const { file, ids, named } = await fileWithVersions(fixture, 'first', 'second');
  await rename(fixture, file, 'b.txt');
  await fixture.file('A.TXT');

  await assert.rejects(promote(fixture, file, ids[0] as VersionId), refusal('name-in-use'));
  await assert.rejects(promoteVersion(fixture.files, { ...named(1), ifMatch: '1' }), refusal('precondition-failed'));
  assert.equal((await versionsOf(fixture, file)).length, 2);
  await assertCountersRight(fixture.files.db);
});

test('a deleted version cannot be read or promoted until it is restored; its bytes stay', async () => {
  await using fixture = await openFilesFixture();
  const { file, ids, named } = await fileWithVersions(fixture, 'first', 'second');
  const read = () =>
    getDownload(fixture.files.db, { owner: fixture.owner.id, fileId: file.id, versionId: ids[0] as VersionId });

  await trashVersion(fixture.files, named(1));
  const [trashed] = await versionsOf(fixture, file);
  assert.deepEqual([trashed?.trashed_at, trashed?.trashed_by], [fixture.clock.now(), fixture.owner.id]);
  await assert.rejects(read(), refusal('trashed'));
  await assert.rejects(promote(fixture, file, ids[0] as VersionId), refusal('trashed'));
  await assert.rejects(trashVersion(fixture.files, named(1)), refusal('trashed'));

  const restored = await restoreVersion(fixture.files, named(1));
  assert.deepEqual([restored.trashed_at, restored.restored_at], [null, fixture.clock.now()]);
  await assert.rejects(restoreVersion(fixture.files, named(1)), refusal('not-trashed'));
  assert.equal((await read()).version.size, 5);
  await assertCountersRight(fixture.files.db);
});

test('the current version is not deleted, nor one that is not there, of another file, of another user', async () => {
  await using fixture = await openFilesFixture();
  const { named } = await fileWithVersions(fixture, 'first', 'second');
  const other = await fixture.file('other');

  await assert.rejects(trashVersion(fixture.files, named(2)), refusal('invalid-request'));
  await assert.rejects(trashVersion(fixture.files, named(9)), refusal('not-found'));
  await assert.rejects(trashVersion(fixture.files, named(1, fixture.stranger)), refusal('not-found'));
  await assert.rejects(trashVersion(fixture.files, { ...named(1), fileId: other.fileId }), refusal('not-found'));
  await assert.rejects(trashVersion(fixture.files, { ...named(1), ifMatch: '7' }), refusal('precondition-failed'));
});

test('the bytes of all versions, also of deleted ones, go with their file for good', async () => {
  await using fixture = await openFilesFixture();
  const { file, ids, named } = await fileWithVersions(fixture, 'first', 'second', 'third');
  await promote(fixture, file, ids[1] as VersionId);
  await trashVersion(fixture.files, named(1));

  await trash(fixture, file);
  await assert.rejects(trashVersion(fixture.files, named(3)), refusal('trashed'));
  await purge(fixture, file);

  assert.deepEqual(await fixture.stored(), []);
  await assertCountersRight(fixture.files.db);
});
