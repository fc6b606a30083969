import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sha1, VersionId } from '../../packages/protocol/src/ids.ts';
import { newId } from '../../packages/server/src/database/values.ts';
import { uploadFile, uploadVersion } from '../../packages/server/src/files/direct-upload.ts';
import { type NewBlob, publishNewFile, publishNewVersion } from '../../packages/server/src/files/publish.ts';
import type { VersionChange } from '../../packages/server/src/files/versions.ts';
import { newBlobId } from '../../packages/server/src/storage/blob-store.ts';
import { createBody, errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { countRows } from './large-trees.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, asFile, type Item, promote, purge, readRow, readVersions, trash, update } from './tree-steps.ts';

const TAGS = '{"tags":["a"]}';

/** A file with a description, details and a date. */
async function describedFile({ files, owner }: FilesFixture): Promise<Item> {
  const place = { folderId: owner.root_id, name: 'a.txt', description: 'Summary', details: { tags: ['a'] } };
  return asFile(await uploadFile(files, place, { ...createBody(owner, 'a'), contentCreatedAt: 1_000 }));
}

function upload({ files, owner }: FilesFixture, { id }: Item, change: VersionChange, dates = {}) {
  return uploadVersion(files, id, change, { ...createBody(owner, 'bc'), ...dates });
}

test('a new version keeps the description, details and creation date that it does not set', async () => {
  await using fixture = await openFilesFixture();
  const file = await describedFile(fixture);
  fixture.clock.advance(60_000);
  await upload(fixture, file, {});
  const row = await readRow(fixture, file);
  assert.deepEqual([row.description, row.details, row.name], ['Summary', TAGS, 'a.txt']);
  assert.deepEqual([row.content_created_at, row.content_modified_at], [1_000, fixture.clock.now()]);
  assert.deepEqual([row.etag, row.size, row.modified_at], [1, 2, fixture.clock.now()]);
});

test('a new version can set the description, details, dates and name', async () => {
  await using fixture = await openFilesFixture();
  const file = await describedFile(fixture);
  const change = { description: '', details: { tags: ['b'] }, name: 'B.txt' };
  await upload(fixture, file, change, { contentCreatedAt: 2_000, contentModifiedAt: 3_000 });
  const row = await readRow(fixture, file);
  assert.deepEqual([row.description, row.details, row.name, row.name_key], ['', '{"tags":["b"]}', 'B.txt', 'b.txt']);
  assert.deepEqual([row.content_created_at, row.content_modified_at], [2_000, 3_000]);
  assert.deepEqual(
    (await readVersions(fixture, file)).map(({ name }) => name),
    ['a.txt', 'B.txt'],
  );
});

test('a new file without dates, description and details has the time of its upload and no details', async () => {
  await using fixture = await openFilesFixture();
  const now = fixture.clock.now();
  const row = await readRow(fixture, asFile(await fixture.file('a')));
  assert.deepEqual([row.content_created_at, row.content_modified_at, row.created_at], [now, now, now]);
  assert.deepEqual([row.description, row.details, row.etag, row.child_count], ['', '', 0, 0]);
});

test('versions are numbered from 1, and a promoted one gets the next number', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a'));
  await addVersion(fixture, file, 'b');
  const [first] = await readVersions(fixture, file);
  assert.ok(first);
  await promote(fixture, file, first.id);
  assert.deepEqual(
    (await readVersions(fixture, file)).map(({ number }) => number),
    [1, 2, 3],
  );
  const row = await readRow(fixture, file);
  assert.deepEqual([row.etag, row.size], [2, 1]);
});

test('a blob for which nothing is reserved charges only its size', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const newBlob = (): NewBlob => ({
    blob: newBlobId(),
    size: 5,
    sha1: 'a'.repeat(40) as Sha1,
    by: owner.id,
    now: 1_000,
    maxItems: 10,
  });
  const published = await files.db
    .transaction()
    .execute((tx) => publishNewFile(tx, { folderId: owner.root_id, name: 'a' }, newBlob()));
  await assertCountersRight(files.db);
  await files.db.transaction().execute((tx) => publishNewVersion(tx, published.fileId, {}, newBlob()));
  await assertCountersRight(files.db);
});

test('a lock has expired by the trusted time, or by the time of the upload if there is none', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner, otherUser } = fixture;
  const { fileId } = await fixture.file('a');
  await files.db
    .insertInto('locks')
    .values({
      file_id: fileId,
      id: 7,
      created_by: otherUser.id,
      created_at: 0,
      expires_at: 1_000,
      download_prevented: 0,
    })
    .execute();
  const publish = (now: number, locksAt?: number) =>
    files.db.transaction().execute((tx) =>
      publishNewVersion(
        tx,
        fileId,
        {},
        {
          blob: newBlobId(),
          size: 5,
          sha1: 'a'.repeat(40) as Sha1,
          by: owner.id,
          now,
          maxItems: 10,
          ...(locksAt !== undefined && { locksAt }),
        },
      ),
    );
  await assert.rejects(publish(999), errorWithCode('item-locked'));
  await assert.rejects(publish(1_000, 999), errorWithCode('item-locked'));
  await publish(999, 1_000);
  await publish(1_000);
});

for (const count of [199, 200, 201, 400]) {
  test(`a file with ${count} versions is permanently deleted`, async () => {
    await using fixture = await openFilesFixture();
    const { db } = fixture.files;
    const file = asFile(await fixture.file('a'));
    await fixture.file('kept');
    const [version] = await readVersions(fixture, file);
    assert.ok(version);
    const more = Array.from({ length: count - 1 }, (_, n) => ({
      ...version,
      id: newId<VersionId>(),
      number: n + 2,
    }));
    await db.insertInto('versions').values(more).execute();
    const user = { space_used: count + 4, item_count: count + 1 };
    await db.updateTable('users').set(user).where('id', '=', fixture.owner.id).execute();
    await trash(fixture, file);
    await purge(fixture, file);
    assert.deepEqual(await countRows(fixture), { items: 3, versions: 1, jobs: 0 });
    await assertCountersRight(db);
  });
}

test('a rename changes the name of the current version, and no other change does', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a'));
  await addVersion(fixture, file, 'b');
  await update(fixture, file, { description: 'Summary' });
  await update(fixture, file, { name: 'b' });
  assert.deepEqual(
    (await readVersions(fixture, file)).map(({ name }) => name),
    ['a', 'b'],
  );
});
