import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId, Millis } from '../../packages/protocol/src/ids.ts';
import { assertUnlocked, findLocks, setLock } from '../../packages/server/src/files/locks.ts';
import { updateFile } from '../../packages/server/src/files/update-item.ts';
import { type FilesFixture, openFilesFixture, refusal } from './files-fixture.ts';
import { addVersion, copy, fileOf, promote, purge, rename, trash, versionsOf } from './tree-steps.ts';

const NO_END = { expiresAt: null, isDownloadPrevented: false };

function lock(
  fixture: FilesFixture,
  fileId: ItemId,
  its: { expiresAt: Millis | null; isDownloadPrevented: boolean } | null,
) {
  return updateFile(fixture.files, { caller: fixture.owner.id, fileId, ifMatch: undefined, change: { lock: its } });
}

/** Puts another user's lock on a file, as one could who shared it. */
function lockByStranger(
  { files, stranger }: FilesFixture,
  fileId: ItemId,
  its: { expiresAt: Millis | null; isDownloadPrevented: boolean },
): Promise<void> {
  const by = { fileId, caller: stranger.id, now: files.clock.now() };
  return files.db.transaction().execute((tx) => setLock(tx, by, its));
}

test('a lock says who set it and when it ends, and goes when it is taken away or has ended', async () => {
  await using fixture = await openFilesFixture();
  const { fileId } = await fixture.file('a.txt');
  const found = async () => (await findLocks(fixture.files.db, [fileId], fixture.clock.now())).get(fileId);

  await lock(fixture, fileId, { expiresAt: fixture.clock.now() + 1000, isDownloadPrevented: true });
  const set = await found();
  assert.deepEqual([set?.by.login, set?.isDownloadPrevented], [fixture.owner.login, true]);
  fixture.clock.advance(1000);
  assert.equal(await found(), undefined);
  await lock(fixture, fileId, NO_END);
  assert.equal((await found())?.expiresAt, null);
  await lock(fixture, fileId, null);
  assert.equal(await found(), undefined);
});

test('its holder goes on with a locked file as before', async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  await lock(fixture, file.id, NO_END);

  await rename(fixture, file, 'b.txt');
  await addVersion(fixture, file, 'next');
  await trash(fixture, file);
  await purge(fixture, file);

  assert.deepEqual(await fixture.files.db.selectFrom('locks').selectAll().execute(), []);
});

test("another's lock keeps a file as it is: no rename, version, promotion, deletion or unlocking, but copies", async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  await addVersion(fixture, file, 'next');
  const [first] = await versionsOf(fixture, file);
  assert.ok(first);
  await lockByStranger(fixture, file.id, NO_END);

  for (const act of [
    () => rename(fixture, file, 'b.txt'),
    () => addVersion(fixture, file, 'third'),
    () => promote(fixture, file, first.id),
    () => trash(fixture, file),
    () => lock(fixture, file.id, null),
    () => lock(fixture, file.id, NO_END),
  ]) {
    await assert.rejects(act(), refusal('item-locked'));
  }
  assert.equal((await fixture.stored()).length, 2);
  await copy(fixture, file, { id: fixture.owner.root_id }, { name: 'copy' });
});

test("another's lock does not end by a clock that is days ahead for seconds", async () => {
  await using fixture = await openFilesFixture();
  const file = fileOf(await fixture.file('a.txt'));
  await addVersion(fixture, file, 'next');
  const [first] = await versionsOf(fixture, file);
  assert.ok(first);
  await lockByStranger(fixture, file.id, { ...NO_END, expiresAt: fixture.clock.now() + 3_600_000 });

  fixture.clock.jump(8 * 24 * 3_600_000);

  for (const act of [
    () => rename(fixture, file, 'b.txt'),
    () => addVersion(fixture, file, 'third'),
    () => promote(fixture, file, first.id),
    () => trash(fixture, file),
  ]) {
    await assert.rejects(act(), refusal('item-locked'));
  }
});

test("another's lock stops downloads only where it says so", async () => {
  await using fixture = await openFilesFixture();
  const { fileId } = await fixture.file('a.txt');
  const check = () =>
    assertUnlocked(fixture.files.db, { fileId, caller: fixture.owner.id, now: fixture.clock.now(), to: 'download' });

  await lockByStranger(fixture, fileId, NO_END);
  await check();
  await lockByStranger(fixture, fileId, { ...NO_END, isDownloadPrevented: true });
  await assert.rejects(check(), refusal('item-locked'));
});
