import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import {
  discardBlob,
  extendReservation,
  hasLaterVersionInSecond,
  markBlobForDeletion,
  markBlobsForDeletion,
  recordBlob,
  referenceBlob,
  touchBlob,
} from '../../packages/server/src/files/blobs.ts';
import { newBlobId } from '../../packages/server/src/storage/blob-store.ts';
import { errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, asFile, purge, readVersions, trash } from './tree-steps.ts';

const listRows = ({ files }: FilesFixture) => files.db.selectFrom('unreferenced_blobs').selectAll().execute();

/** A recorded blob of the owner, last touched at 1000. */
async function recorded(fixture: FilesFixture, reserve?: number): Promise<BlobId> {
  const blob = newBlobId();
  const { files, owner } = fixture;
  await recordBlob(files.db, { blob, owner: owner.id, ...(reserve !== undefined && { reserve }) }, 1_000);
  return blob;
}

async function reservedByOwner({ files, owner }: FilesFixture): Promise<number> {
  const row = files.db.selectFrom('users').select('space_reserved').where('id', '=', owner.id);
  return (await row.executeTakeFirstOrThrow()).space_reserved;
}

test('a blob that is being written is recorded with its owner and the quota that it reserves', async () => {
  await using fixture = await openFilesFixture();
  for (const reserve of [undefined, 0, 1, 7]) {
    await fixture.files.db.deleteFrom('unreferenced_blobs').execute();
    await fixture.files.db.updateTable('users').set({ space_reserved: 0 }).execute();
    const blob = await recorded(fixture, reserve);
    assert.deepEqual(await listRows(fixture), [
      { blob_id: blob, owner_id: fixture.owner.id, reserved: reserve ?? 0, touched_at: 1_000, deleting: 0 },
    ]);
    assert.equal(await reservedByOwner(fixture), reserve ?? 0);
  }
});

test('a blob that is still written can be touched, and reserve more', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const blob = await recorded(fixture, 5);
  await touchBlob(files.db, blob, 2_000);
  const row = { blob_id: blob, owner_id: owner.id, deleting: 0 };
  assert.deepEqual(await listRows(fixture), [{ ...row, reserved: 5, touched_at: 2_000 }]);
  await extendReservation(files.db, { blob, owner: owner.id, reserve: 3 }, 3_000, undefined);
  assert.deepEqual(await listRows(fixture), [{ ...row, reserved: 8, touched_at: 3_000 }]);
  assert.equal(await reservedByOwner(fixture), 8);
});

test('a blob that is marked for deletion belongs to nobody, and is never used again', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  for (const reserve of [0, 1, 5]) {
    await files.db.deleteFrom('unreferenced_blobs').execute();
    const blob = await recorded(fixture, reserve);
    assert.equal(await markBlobForDeletion(files.db, blob), true);
    assert.deepEqual(await listRows(fixture), [
      { blob_id: blob, owner_id: null, reserved: 0, touched_at: 0, deleting: 1 },
    ]);
    assert.equal(await reservedByOwner(fixture), 0);
    assert.equal(await markBlobForDeletion(files.db, blob), false);
    await assert.rejects(touchBlob(files.db, blob, 2_000), errorWithCode('unavailable'));
    await assert.rejects(
      extendReservation(files.db, { blob, owner: owner.id, reserve: 3 }, 3_000, undefined),
      errorWithCode('unavailable'),
    );
    await assert.rejects(
      files.db.transaction().execute((tx) => referenceBlob(tx, blob)),
      errorWithCode('unavailable'),
    );
    assert.equal(await reservedByOwner(fixture), 0);
  }
});

test('a blob is marked as abandoned only if its writer was not active since that time', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const blob = await recorded(fixture, 5);
  assert.equal(await markBlobForDeletion(db, blob, { before: 999 }), false);
  const [row] = await listRows(fixture);
  assert.deepEqual([row?.deleting, row?.reserved, await reservedByOwner(fixture)], [0, 5, 5]);
  assert.equal(await markBlobForDeletion(db, blob, { before: 1_000 }), true);
});

test('the row of a blob that is kept as an orphan is deleted at once', async () => {
  await using fixture = await openFilesFixture();
  const blob = await recorded(fixture, 5);
  assert.equal(await markBlobForDeletion(fixture.files.db, blob, { keep: true }), true);
  assert.deepEqual([await listRows(fixture), await reservedByOwner(fixture)], [[], 0]);
});

test('the row of a discarded blob stays until its bytes are removed', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const blob = await recorded(fixture, 5);
  const failed = new Error('The disk failed.');
  await assert.rejects(discardBlob({ db, blobs: { remove: () => Promise.reject(failed) } }, blob), failed);
  assert.equal((await listRows(fixture)).length, 1);

  const other = await recorded(fixture, 5);
  const removed: unknown[] = [];
  await discardBlob({ db, blobs: { remove: async (target) => void removed.push(target) } }, other);
  assert.deepEqual(removed, [other]);
  assert.deepEqual(
    (await listRows(fixture)).map(({ blob_id }) => blob_id),
    [blob],
  );
});

test('a blob that a version references cannot be discarded', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a'));
  const [version] = await readVersions(fixture, file);
  assert.ok(version);
  await discardBlob(fixture.files, version.blob_id);
  assert.deepEqual(
    (await fixture.listBlobs()).map(({ blob }) => blob),
    [version.blob_id],
  );
});

test('a permanently deleted file leaves no rows', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a'));
  await addVersion(fixture, file, 'b');
  await trash(fixture, file);
  await purge(fixture, file);
  assert.deepEqual([await listRows(fixture), await fixture.listBlobs()], [[], []]);
  await assertCountersRight(fixture.files.db);
});

test('blobs of deleted versions are recorded before their bytes are removed', async () => {
  for (const versions of [1, 2]) {
    await using fixture = await openFilesFixture();
    const file = asFile(await fixture.file('a'));
    if (versions > 1) await addVersion(fixture, file, 'b');
    const blobs = (await readVersions(fixture, file)).map(({ blob_id }) => blob_id);
    await trash(fixture, file);
    const failed = new Error('The disk failed.');
    const store = Object.assign(Object.create(fixture.files.blobs), { remove: () => Promise.reject(failed) });
    await assert.rejects(purge(fixture.withFiles({ ...fixture.files, blobs: store }), file), failed);

    const rows = await listRows(fixture);
    assert.deepEqual(rows.map(({ blob_id }) => blob_id).toSorted(), blobs.toSorted());
    for (const { owner_id, reserved, touched_at, deleting } of rows) {
      assert.deepEqual([owner_id, reserved, touched_at, deleting], [null, 0, 0, 1]);
    }
  }
});

test('garbage collection sees that a marked blob was marked again', async () => {
  await using fixture = await openFilesFixture();
  const blob = newBlobId();
  for (const touchedAt of [0, 1, 2]) {
    await fixture.files.db.transaction().execute((tx) => markBlobsForDeletion(tx, [blob, blob]));
    const [row] = await listRows(fixture);
    assert.deepEqual([row?.blob_id, row?.touched_at, row?.deleting], [blob, touchedAt, 1]);
  }
});

test('two versions of the same second have the same Last-Modified date', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a'));
  await addVersion(fixture, file, 'b');
  const other = asFile(await fixture.file('other'));
  const [first, second] = await readVersions(fixture, file);
  const [alone] = await readVersions(fixture, other);
  assert.ok(first && second && alone);
  const { db } = fixture.files;
  async function shareSecond(times: readonly [number, number]): Promise<boolean[]> {
    for (const [index, version] of [first, second].entries()) {
      assert.ok(version);
      await db
        .updateTable('versions')
        .set({ created_at: times[index] ?? 0 })
        .where('id', '=', version.id)
        .execute();
    }
    const rows = await readVersions(fixture, file);
    return Promise.all(rows.map((row) => hasLaterVersionInSecond(db, row)));
  }
  assert.deepEqual(await shareSecond([3_000, 3_999]), [true, true]);
  assert.deepEqual(await shareSecond([3_999, 4_000]), [false, false]);
  assert.deepEqual(await shareSecond([2_999, 3_000]), [false, false]);
  assert.equal(await hasLaterVersionInSecond(db, alone), false);
});
