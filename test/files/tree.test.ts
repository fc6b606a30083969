import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { checkPlace } from '../../packages/server/src/files/check-place.ts';
import { describeFile, describeFolder, findFile, findFolder } from '../../packages/server/src/files/find.ts';
import { listByMarker, listByOffset, type PageCursor } from '../../packages/server/src/files/paging.ts';
import { getSpace } from '../../packages/server/src/files/quota.ts';
import { trashFile, trashFolder } from '../../packages/server/src/files/trash.ts';
import { errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';

const trash = ({ files, owner }: FilesFixture, folderId: ItemId, { recursive = true, ifMatch = '*' } = {}) =>
  trashFolder(files, { caller: owner.id, folderId, recursive, ifMatch });
const names = (entries: readonly { item: { name: string } }[]) => entries.map(({ item }) => item.name);

test('the path of an item starts at the root and ends at its parent', async () => {
  await using fixture = await openFilesFixture();
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  const { fileId } = await fixture.file('a.txt', { parent: inner.id });

  const entry = await describeFile(fixture.files.db, fileId);

  assert.deepEqual(
    entry?.path.map(({ name }) => name),
    ['All Files', 'outer', 'inner'],
  );
  assert.deepEqual((await describeFolder(fixture.files.db, outer)).path.length, 1);
  assert.equal(entry?.users.get(fixture.owner.id)?.login, fixture.owner.login);
});

test('a name is in use regardless of case, for files and folders alike, and for concurrent requests', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  await fixture.folder('Inbox');
  const { fileId } = await fixture.file('a.txt');
  const place = { owner: owner.id, folderId: owner.root_id };

  await assert.rejects(fixture.folder('A.TXT'), errorWithCode('name-in-use'));
  await assert.rejects(fixture.file('inbox'), errorWithCode('name-in-use'));
  await assert.rejects(checkPlace(files.db, { ...place, name: 'INBOX' }), errorWithCode('name-in-use'));
  await checkPlace(files.db, { ...place, name: 'A.txt', except: fileId });
  await assert.rejects(
    checkPlace(files.db, { ...place, folderId: 1 as ItemId, name: 'b' }, 'parent-not-found'),
    errorWithCode('parent-not-found'),
  );
  const twice = await Promise.allSettled([fixture.folder('new'), fixture.folder('NEW')]);
  assert.deepEqual(twice.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('a folder lists folders first, then files, each by name, by offset and by marker alike', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const folder = await fixture.folder('folder');
  for (const name of ['b', 'D', 'f']) await fixture.folder(name, folder.id);
  for (const name of ['a', 'C', 'e']) await fixture.file(name, { parent: folder.id });
  const full = (await findFolder(db, fixture.owner.id, folder.id)) ?? folder;
  const expected = ['b', 'D', 'f', 'a', 'C', 'e'];

  for (const limit of [1, 2, 3, 4, 5, 6, 7]) {
    const byOffset: string[] = [];
    for (let offset = 0; offset < 6; offset += limit) {
      const { entries, total } = await listByOffset(db, full, { offset, limit });
      assert.equal(total, 6);
      byOffset.push(...names(entries));
    }
    assert.deepEqual(byOffset, expected);

    const byMarker: string[] = [];
    let marker: PageCursor | undefined;
    do {
      const page = await listByMarker(db, folder, { marker, limit });
      byMarker.push(...names(page.entries));
      marker = page.next;
    } while (marker !== undefined);
    assert.deepEqual(byMarker, expected);
  }
});

test('a listing by marker misses nothing while items are added and deleted', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const folder = await fixture.folder('folder');
  for (const name of ['b', 'd', 'f', 'h']) await fixture.file(name, { parent: folder.id });
  const first = await listByMarker(db, folder, { marker: undefined, limit: 2 });
  const at = first.entries[1]?.item.id as ItemId;

  await trashFile(fixture.files, { caller: fixture.owner.id, fileId: at, ifMatch: undefined });
  await fixture.file('a', { parent: folder.id });
  const second = await listByMarker(db, folder, { marker: first.next, limit: 2 });

  assert.deepEqual([...names(first.entries), ...names(second.entries)], ['b', 'd', 'f', 'h']);
  assert.equal(second.next, undefined);
});

test('a folder with contents is trashed only if the request is recursive', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  const deep = await fixture.file('deep.txt', { parent: inner.id });
  const earlier = await fixture.file('earlier.txt', { parent: outer.id });
  await trashFile(files, { caller: owner.id, fileId: earlier.fileId, ifMatch: undefined });

  await assert.rejects(trash(fixture, outer.id, { recursive: false }), errorWithCode('folder-not-empty'));
  assert.equal((await findFolder(files.db, owner.id, outer.id))?.trashed_at, null);
  await trash(fixture, outer.id);

  const findAny = async (id: ItemId) =>
    (await findFile(files.db, owner.id, id)) ?? (await findFolder(files.db, owner.id, id));
  for (const id of [outer.id, inner.id, deep.fileId]) assert.equal((await findAny(id))?.trashed_with, outer.id);
  assert.equal((await findAny(earlier.fileId))?.trashed_with, earlier.fileId);
  await fixture.folder('outer');
  assert.equal((await fixture.listBlobs()).length, 2);
});

test('an item can be trashed once and only in the state that If-Match names, and a root never', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner, otherUser } = fixture;
  const folder = await fixture.folder('folder');
  const { fileId } = await fixture.file('a.txt');
  const trashIt = (ifMatch: string | undefined, caller = owner.id) => trashFile(files, { caller, fileId, ifMatch });

  await assert.rejects(trashIt('5'), errorWithCode('precondition-failed'));
  await assert.rejects(trashIt(undefined, otherUser.id), errorWithCode('not-found'));
  await trashIt('0');
  await assert.rejects(trashIt(undefined), errorWithCode('trashed'));
  await assert.rejects(trash(fixture, folder.id, { ifMatch: '5' }), errorWithCode('precondition-failed'));
  await assert.rejects(trash(fixture, owner.root_id), errorWithCode('permission-denied'));
});

test('the size of a folder counts the current versions below it, and used space counts everything that a user stores', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const { owner } = fixture;
  const getSize = async (id: ItemId) => (await findFolder(db, owner.id, id))?.size;
  const getUsedSpace = async (user: { id: typeof owner.id }) => (await getSpace(db, user.id, undefined)).used;
  assert.deepEqual([await getSize(owner.root_id), await getUsedSpace(owner)], [0, 0]);
  const folder = await fixture.folder('folder');
  const gone = await fixture.file('gone', { text: '12345' });
  await fixture.file('deep', { text: '123', parent: folder.id });
  await trashFile(fixture.files, { caller: owner.id, fileId: gone.fileId, ifMatch: undefined });

  assert.deepEqual([await getSize(owner.root_id), await getSize(folder.id)], [3, 3]);
  assert.deepEqual([await getUsedSpace(owner), await getUsedSpace(fixture.otherUser)], [8, 0]);
  await assertCountersRight(db);
});
