import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId } from '../../packages/protocol/src/ids.ts';
import { checkPlace } from '../../packages/server/src/files/check-place.ts';
import { describeFile, describeFolder, findFile, findFolder } from '../../packages/server/src/files/find.ts';
import { listByMarker, listByOffset, type PageCursor } from '../../packages/server/src/files/paging.ts';
import { getSpace } from '../../packages/server/src/files/quota.ts';
import { trashFile, trashFolder } from '../../packages/server/src/files/trash.ts';
import { type FilesFixture, openFilesFixture, refusal } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';

const trash = ({ files, owner }: FilesFixture, folderId: ItemId, { recursive = true, ifMatch = '*' } = {}) =>
  trashFolder(files, { caller: owner.id, folderId, recursive, ifMatch });
const names = (entries: readonly { item: { name: string } }[]) => entries.map(({ item }) => item.name);

test('the path of an item begins at the root and ends at its parent', async () => {
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

test('a name is taken whatever its case, over files and folders together, and by folders at once', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  await fixture.folder('Inbox');
  const { fileId } = await fixture.file('a.txt');
  const place = { owner: owner.id, folderId: owner.root_id };

  await assert.rejects(fixture.folder('A.TXT'), refusal('name-in-use'));
  await assert.rejects(fixture.file('inbox'), refusal('name-in-use'));
  await assert.rejects(checkPlace(files.db, { ...place, name: 'INBOX' }), refusal('name-in-use'));
  await checkPlace(files.db, { ...place, name: 'A.txt', except: fileId });
  await assert.rejects(
    checkPlace(files.db, { ...place, folderId: 1 as ItemId, name: 'b' }, 'parent-not-found'),
    refusal('parent-not-found'),
  );
  const twice = await Promise.allSettled([fixture.folder('new'), fixture.folder('NEW')]);
  assert.deepEqual(twice.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('a folder lists folders first, then files, each by name, page by page and by marker alike', async () => {
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

test('a walk by marker misses nothing while items come and go', async () => {
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

test('a folder with something in it goes to the trash only when it is told to take all along', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const outer = await fixture.folder('outer');
  const inner = await fixture.folder('inner', outer.id);
  const deep = await fixture.file('deep.txt', { parent: inner.id });
  const earlier = await fixture.file('earlier.txt', { parent: outer.id });
  await trashFile(files, { caller: owner.id, fileId: earlier.fileId, ifMatch: undefined });

  await assert.rejects(trash(fixture, outer.id, { recursive: false }), refusal('folder-not-empty'));
  assert.equal((await findFolder(files.db, owner.id, outer.id))?.trashed_at, null);
  await trash(fixture, outer.id);

  const kept = async (id: ItemId) =>
    (await findFile(files.db, owner.id, id)) ?? (await findFolder(files.db, owner.id, id));
  for (const id of [outer.id, inner.id, deep.fileId]) assert.equal((await kept(id))?.trashed_with, outer.id);
  assert.equal((await kept(earlier.fileId))?.trashed_with, earlier.fileId);
  await fixture.folder('outer');
  assert.equal((await fixture.stored()).length, 2);
});

test('the trash takes an item once, in the state that was named, and never a root', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner, stranger } = fixture;
  const folder = await fixture.folder('folder');
  const { fileId } = await fixture.file('a.txt');
  const trashIt = (ifMatch: string | undefined, caller = owner.id) => trashFile(files, { caller, fileId, ifMatch });

  await assert.rejects(trashIt('5'), refusal('precondition-failed'));
  await assert.rejects(trashIt(undefined, stranger.id), refusal('not-found'));
  await trashIt('0');
  await assert.rejects(trashIt(undefined), refusal('trashed'));
  await assert.rejects(trash(fixture, folder.id, { ifMatch: '5' }), refusal('precondition-failed'));
  await assert.rejects(trash(fixture, owner.root_id), refusal('permission-denied'));
});

test('sizes count current versions below a folder, and everything that a user keeps', async () => {
  await using fixture = await openFilesFixture();
  const { db } = fixture.files;
  const { owner } = fixture;
  const sizeOf = async (id: ItemId) => (await findFolder(db, owner.id, id))?.size;
  const usedBy = async (user: { id: typeof owner.id }) => (await getSpace(db, user.id, undefined)).used;
  assert.deepEqual([await sizeOf(owner.root_id), await usedBy(owner)], [0, 0]);
  const folder = await fixture.folder('folder');
  const gone = await fixture.file('gone', { text: '12345' });
  await fixture.file('deep', { text: '123', parent: folder.id });
  await trashFile(fixture.files, { caller: owner.id, fileId: gone.fileId, ifMatch: undefined });

  assert.deepEqual([await sizeOf(owner.root_id), await sizeOf(folder.id)], [3, 3]);
  assert.deepEqual([await usedBy(owner), await usedBy(fixture.stranger)], [8, 0]);
  await assertCountersRight(db);
});
