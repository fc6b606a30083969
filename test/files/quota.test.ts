import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setQuota } from '../../packages/server/src/auth/users/store.ts';
import type { UserRow } from '../../packages/server/src/database/schema.ts';
import { uploadFile } from '../../packages/server/src/files/direct-upload.ts';
import { checkSpace, getSpace } from '../../packages/server/src/files/quota.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import { chunks, createBody, errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, asFile, copy, promote, purge, readVersions, restore, trash } from './tree-steps.ts';

async function openFixtureWith(userQuota: number): Promise<FilesFixture> {
  const fixture = await openFilesFixture();
  fixture.files.userQuota = userQuota;
  return fixture;
}

const full = errorWithCode('quota-exceeded');
const getUsedSpace = async ({ files, owner }: FilesFixture) =>
  (await getSpace(files.db, owner.id, files.userQuota)).used;

test('a user can store exactly as much as the quota allows, by uploads, versions, promotions and copies', async () => {
  await using fixture = await openFixtureWith(10);
  const root = { id: fixture.owner.root_id };
  const file = asFile(await fixture.file('a', { text: '123' }));
  await addVersion(fixture, file, '1234');
  const [first] = await readVersions(fixture, file);
  assert.ok(first);

  await assert.rejects(fixture.file('b', { text: '1234' }), full);
  await assert.rejects(addVersion(fixture, file, '1234'), full);
  await assert.rejects(copy(fixture, file, root, { name: 'b' }), full);
  await promote(fixture, file, first.id);
  assert.equal(await getUsedSpace(fixture), 10);
  await assert.rejects(promote(fixture, file, first.id), full);
  await fixture.file('empty', { text: '' });

  assert.equal((await fixture.listBlobs()).length, 3);
  await assertCountersRight(fixture.files.db);
});

test('items in the trash count until the trash is emptied', async () => {
  await using fixture = await openFixtureWith(5);
  const file = asFile(await fixture.file('a', { text: '12345' }));

  await trash(fixture, file);
  await assert.rejects(fixture.file('b', { text: '1' }), full);
  await restore(fixture, file);
  await trash(fixture, file);
  await purge(fixture, file);
  await fixture.file('b', { text: '12345' });
});

test('a folder is copied completely, or not at all if there is not enough space', async () => {
  await using fixture = await openFixtureWith(11);
  const folder = await fixture.folder('folder');
  await fixture.file('a', { text: '123', parent: folder.id });
  await fixture.file('b', { text: '456', parent: folder.id });

  const { db } = fixture.files;
  const queries: string[] = [];
  fixture.files.db = watchQueries(db, { before: (query) => queries.push(query) });
  await assert.rejects(copy(fixture, folder, { id: fixture.owner.root_id }, { name: 'copy' }), full);
  assert.ok(queries.length > 0);
  assert.ok(!queries.includes('insert items'), 'nothing is copied that has to be deleted again');

  fixture.files.db = db;
  await fixture.folder('copy');
  await assertCountersRight(fixture.files.db);
});

test('a body is not read any further when the space is used up', async () => {
  await using fixture = await openFixtureWith(5);
  let read = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 3;
      yield Buffer.from('123');
    }
  }
  const place = { folderId: fixture.owner.root_id, name: 'a' };

  await assert.rejects(uploadFile(fixture.files, place, createBody(fixture.owner, endless())), full);

  assert.ok(read <= 9);
  assert.deepEqual(await fixture.listBlobs(), []);
});

test('no more concurrent uploads succeed than there is space for', async () => {
  await using fixture = await openFixtureWith(10);
  const gate = Promise.withResolvers<void>();
  async function* slowly(): AsyncGenerator<Uint8Array> {
    await gate.promise;
    yield* chunks('123');
  }
  const uploads = Array.from({ length: 8 }, (_, n) =>
    uploadFile(fixture.files, { folderId: fixture.owner.root_id, name: `${n}` }, createBody(fixture.owner, slowly())),
  );
  gate.resolve();

  const results = await Promise.allSettled(uploads);

  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3);
  for (const result of results) if (result.status === 'rejected') assert.ok(full(result.reason));
  assert.equal((await fixture.listBlobs()).length, 3);
  await assertCountersRight(fixture.files.db);
});

test("a user's own quota takes precedence over the server's, even if it is unlimited, and existing files are kept", async () => {
  await using fixture = await openFixtureWith(5);
  const { files, owner } = fixture;
  const getQuota = async ({ id }: UserRow) => (await getSpace(files.db, id, files.userQuota)).quota;
  await fixture.file('a', { text: '12345' });

  assert.equal(await setQuota(files.db, owner.id, 2), true);
  assert.deepEqual([await getQuota(owner), await getQuota(fixture.otherUser)], [2, 5]);
  await assert.rejects(checkSpace(files.db, owner.id, 1, files.userQuota), full);
  await setQuota(files.db, owner.id, -1);
  assert.equal(await getQuota(owner), undefined);
  await fixture.file('b', { text: '123456789' });
  await setQuota(files.db, owner.id, null);
  assert.equal(await getQuota(owner), 5);
  assert.equal(await setQuota(files.db, 1 as typeof owner.id, 5), false);
});
