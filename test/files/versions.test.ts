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
import { errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, asFile, promote, purge, readRow, readVersions, rename, trash } from './tree-steps.ts';

async function createFileWithVersions(fixture: FilesFixture, ...texts: string[]) {
  const [first = '', ...later] = texts;
  const file = asFile(await fixture.file('a.txt', { text: first }));
  for (const text of later) await addVersion(fixture, file, text);
  const ids = (await readVersions(fixture, file)).map(({ id }) => id);
  const versionAt = (number: number, by = fixture.owner) => ({
    caller: by.id,
    fileId: file.id,
    versionId: ids[number - 1] ?? (12_345 as VersionId),
  });
  return { file, ids, versionAt };
}

test('the list of versions has the earlier ones, newest first, in pages', async () => {
  await using fixture = await openFilesFixture();
  const { file } = await createFileWithVersions(fixture, '1', '2', '3', '4');
  const row = await readRow(fixture, file);
  const numbers = async (offset: number, limit: number) => {
    const { versions, total } = await listVersions(fixture.files.db, row, { offset, limit });
    assert.equal(total, 3);
    return versions.map(({ number }) => number);
  };

  assert.deepEqual(await numbers(0, 100), [3, 2, 1]);
  assert.deepEqual([await numbers(0, 2), await numbers(2, 2)], [[3, 2], [1]]);
});

test('a promoted version is a new version with the same bytes, and the earlier ones are kept', async () => {
  await using fixture = await openFilesFixture();
  const { file, ids } = await createFileWithVersions(fixture, 'first', 'second');

  const promoted = await promote(fixture, file, ids[0] as VersionId);

  const versions = await readVersions(fixture, file);
  assert.deepEqual(
    versions.map(({ number, size }) => [number, size]),
    [
      [1, 5],
      [2, 6],
      [3, 5],
    ],
  );
  assert.equal(versions[0]?.blob_id, versions[2]?.blob_id);
  const row = await readRow(fixture, file);
  assert.deepEqual([row.version_id, row.size, row.etag], [promoted, 5, 2]);
  assert.equal((await fixture.listBlobs()).length, 2);
  await assertCountersRight(fixture.files.db);
});

test('promoting the current version changes nothing', async () => {
  await using fixture = await openFilesFixture();
  const { file, ids } = await createFileWithVersions(fixture, 'first', 'second');

  assert.equal(await promote(fixture, file, ids[1] as VersionId), ids[1]);

  assert.equal((await readRow(fixture, file)).etag, 1);
  assert.equal((await readVersions(fixture, file)).length, 2);
});

test('a promotion is rejected if its name is in use or the file is in another state', async () => {
  await using fixture = await openFilesFixture();
  const { file, ids, versionAt } = await createFileWithVersions(fixture, 'first', 'second');
  await rename(fixture, file, 'b.txt');
  await fixture.file('A.TXT');

  await assert.rejects(promote(fixture, file, ids[0] as VersionId), errorWithCode('name-in-use'));
  await assert.rejects(
    promoteVersion(fixture.files, { ...versionAt(1), ifMatch: '1' }),
    errorWithCode('precondition-failed'),
  );
  assert.equal((await readVersions(fixture, file)).length, 2);
  await assertCountersRight(fixture.files.db);
});

test('a deleted version cannot be read or promoted until it is restored, and its bytes are kept', async () => {
  await using fixture = await openFilesFixture();
  const { file, ids, versionAt } = await createFileWithVersions(fixture, 'first', 'second');
  const read = () =>
    getDownload(fixture.files.db, { owner: fixture.owner.id, fileId: file.id, versionId: ids[0] as VersionId });

  await trashVersion(fixture.files, versionAt(1));
  const [trashed] = await readVersions(fixture, file);
  assert.deepEqual([trashed?.trashed_at, trashed?.trashed_by], [fixture.clock.now(), fixture.owner.id]);
  await assert.rejects(read(), errorWithCode('trashed'));
  await assert.rejects(promote(fixture, file, ids[0] as VersionId), errorWithCode('trashed'));
  await assert.rejects(trashVersion(fixture.files, versionAt(1)), errorWithCode('trashed'));

  const restored = await restoreVersion(fixture.files, versionAt(1));
  assert.deepEqual([restored.trashed_at, restored.restored_at], [null, fixture.clock.now()]);
  await assert.rejects(restoreVersion(fixture.files, versionAt(1)), errorWithCode('not-trashed'));
  assert.equal((await read()).version.size, 5);
  await assertCountersRight(fixture.files.db);
});

test('the current version, an unknown one and those of other files and users cannot be deleted', async () => {
  await using fixture = await openFilesFixture();
  const { versionAt } = await createFileWithVersions(fixture, 'first', 'second');
  const other = await fixture.file('other');

  await assert.rejects(trashVersion(fixture.files, versionAt(2)), errorWithCode('invalid-request'));
  await assert.rejects(trashVersion(fixture.files, versionAt(9)), errorWithCode('not-found'));
  await assert.rejects(trashVersion(fixture.files, versionAt(1, fixture.otherUser)), errorWithCode('not-found'));
  await assert.rejects(
    trashVersion(fixture.files, { ...versionAt(1), fileId: other.fileId }),
    errorWithCode('not-found'),
  );
  await assert.rejects(
    trashVersion(fixture.files, { ...versionAt(1), ifMatch: '7' }),
    errorWithCode('precondition-failed'),
  );
});

test('permanently deleting a file deletes the bytes of all its versions, including deleted ones', async () => {
  await using fixture = await openFilesFixture();
  const { file, ids, versionAt } = await createFileWithVersions(fixture, 'first', 'second', 'third');
  await promote(fixture, file, ids[1] as VersionId);
  await trashVersion(fixture.files, versionAt(1));

  await trash(fixture, file);
  await assert.rejects(trashVersion(fixture.files, versionAt(3)), errorWithCode('trashed'));
  await purge(fixture, file);

  assert.deepEqual(await fixture.listBlobs(), []);
  await assertCountersRight(fixture.files.db);
});
