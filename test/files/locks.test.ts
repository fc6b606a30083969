import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId, Millis } from '../../packages/protocol/src/ids.ts';
import { assertUnlocked, findLocks, setLock } from '../../packages/server/src/files/locks.ts';
import { updateFile } from '../../packages/server/src/files/update-item.ts';
import { errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';
import { addVersion, asFile, copy, promote, purge, readVersions, rename, trash } from './tree-steps.ts';

const NO_END = { expiresAt: null, isDownloadPrevented: false };

function lock(
  fixture: FilesFixture,
  fileId: ItemId,
  options: { expiresAt: Millis | null; isDownloadPrevented: boolean } | null,
) {
  return updateFile(fixture.files, { caller: fixture.owner.id, fileId, ifMatch: undefined, change: { lock: options } });
}

/** Sets another user's lock on a file, as a user could with whom it is shared. */
function lockByOtherUser(
  { files, otherUser }: FilesFixture,
  fileId: ItemId,
  options: { expiresAt: Millis | null; isDownloadPrevented: boolean },
): Promise<void> {
  const by = { fileId, caller: otherUser.id, now: files.clock.now() };
  return files.db.transaction().execute((tx) => setLock(tx, by, options));
}

test('a lock shows who set it and when it ends, and disappears when it is removed or has ended', async () => {
  await using fixture = await openFilesFixture();
  const { fileId } = await fixture.file('a.txt');
  const findLock = async () => (await findLocks(fixture.files.db, [fileId], fixture.clock.now())).get(fileId);

  await lock(fixture, fileId, { expiresAt: fixture.clock.now() + 1000, isDownloadPrevented: true });
  const set = await findLock();
  assert.deepEqual([set?.by.login, set?.isDownloadPrevented], [fixture.owner.login, true]);
  fixture.clock.advance(1000);
  assert.equal(await findLock(), undefined);
  await lock(fixture, fileId, NO_END);
  assert.equal((await findLock())?.expiresAt, null);
  await lock(fixture, fileId, null);
  assert.equal(await findLock(), undefined);
});

test('the owner of a lock can still change the file', async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  await lock(fixture, file.id, NO_END);

  await rename(fixture, file, 'b.txt');
  await addVersion(fixture, file, 'next');
  await trash(fixture, file);
  await purge(fixture, file);

  assert.deepEqual(await fixture.files.db.selectFrom('locks').selectAll().execute(), []);
});

test("another user's lock prevents renames, versions, promotions, deletion and unlocking, but not copies", async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  await addVersion(fixture, file, 'next');
  const [first] = await readVersions(fixture, file);
  assert.ok(first);
  await lockByOtherUser(fixture, file.id, NO_END);

  for (const act of [
    () => rename(fixture, file, 'b.txt'),
    () => addVersion(fixture, file, 'third'),
    () => promote(fixture, file, first.id),
    () => trash(fixture, file),
    () => lock(fixture, file.id, null),
    () => lock(fixture, file.id, NO_END),
  ]) {
    await assert.rejects(act(), errorWithCode('item-locked'));
  }
  assert.equal((await fixture.listBlobs()).length, 2);
  await copy(fixture, file, { id: fixture.owner.root_id }, { name: 'copy' });
});

test("another user's lock does not end because a clock is days ahead for some seconds", async () => {
  await using fixture = await openFilesFixture();
  const file = asFile(await fixture.file('a.txt'));
  await addVersion(fixture, file, 'next');
  const [first] = await readVersions(fixture, file);
  assert.ok(first);
  await lockByOtherUser(fixture, file.id, { ...NO_END, expiresAt: fixture.clock.now() + 3_600_000 });

  fixture.clock.jump(8 * 24 * 3_600_000);

  for (const act of [
    () => rename(fixture, file, 'b.txt'),
    () => addVersion(fixture, file, 'third'),
    () => promote(fixture, file, first.id),
    () => trash(fixture, file),
  ]) {
    await assert.rejects(act(), errorWithCode('item-locked'));
  }
});

test("another user's lock prevents downloads only if it says so", async () => {
  await using fixture = await openFilesFixture();
  const { fileId } = await fixture.file('a.txt');
  const check = () =>
    assertUnlocked(fixture.files.db, { fileId, caller: fixture.owner.id, now: fixture.clock.now(), to: 'download' });

  await lockByOtherUser(fixture, fileId, NO_END);
  await check();
  await lockByOtherUser(fixture, fileId, { ...NO_END, isDownloadPrevented: true });
  await assert.rejects(check(), errorWithCode('item-locked'));
});
