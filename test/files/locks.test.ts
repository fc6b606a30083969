import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemId, Millis } from '../../packages/protocol/src/ids.ts';
import { assertUnlocked, findLocks, setLock } from '../../packages/server/src/files/locks.ts';
import { updateFile } from '../../packages/server/src/files/update-item.ts';
import { type House, openHouse, refusal } from './house.ts';
import { addVersion, copy, fileOf, promote, purge, rename, trash, versionsOf } from './tree-acts.ts';

const NO_END = { expiresAt: null, isDownloadPrevented: false };

function lock(house: House, fileId: ItemId, its: { expiresAt: Millis | null; isDownloadPrevented: boolean } | null) {
  return updateFile(house.files, { caller: house.owner.id, fileId, ifMatch: undefined, change: { lock: its } });
}

/** Puts another user's lock on a file, as one could who shared it. */
function lockByStranger(
  { files, stranger }: House,
  fileId: ItemId,
  its: { expiresAt: Millis | null; isDownloadPrevented: boolean },
): Promise<void> {
  const by = { fileId, caller: stranger.id, now: files.clock.now() };
  return files.db.transaction().execute((tx) => setLock(tx, by, its));
}

test('a lock says who set it and when it ends, and goes when it is taken away or has ended', async () => {
  await using house = await openHouse();
  const { fileId } = await house.file('a.txt');
  const found = async () => (await findLocks(house.files.db, [fileId], house.clock.now())).get(fileId);

  await lock(house, fileId, { expiresAt: house.clock.now() + 1000, isDownloadPrevented: true });
  const set = await found();
  assert.deepEqual([set?.by.login, set?.isDownloadPrevented], [house.owner.login, true]);
  house.clock.advance(1000);
  assert.equal(await found(), undefined);
  await lock(house, fileId, NO_END);
  assert.equal((await found())?.expiresAt, null);
  await lock(house, fileId, null);
  assert.equal(await found(), undefined);
});

test('its holder goes on with a locked file as before', async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  await lock(house, file.id, NO_END);

  await rename(house, file, 'b.txt');
  await addVersion(house, file, 'next');
  await trash(house, file);
  await purge(house, file);

  assert.deepEqual(await house.files.db.selectFrom('locks').selectAll().execute(), []);
});

test("another's lock keeps a file as it is: no rename, version, promotion, deletion or unlocking, but copies", async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  await addVersion(house, file, 'next');
  const [first] = await versionsOf(house, file);
  assert.ok(first);
  await lockByStranger(house, file.id, NO_END);

  for (const act of [
    () => rename(house, file, 'b.txt'),
    () => addVersion(house, file, 'third'),
    () => promote(house, file, first.id),
    () => trash(house, file),
    () => lock(house, file.id, null),
    () => lock(house, file.id, NO_END),
  ]) {
    await assert.rejects(act(), refusal('access_denied_item_locked'));
  }
  assert.equal((await house.stored()).length, 2);
  await copy(house, file, { id: house.owner.root_id }, { name: 'copy' });
});

test("another's lock does not end by a clock that is days ahead for seconds", async () => {
  await using house = await openHouse();
  const file = fileOf(await house.file('a.txt'));
  await addVersion(house, file, 'next');
  const [first] = await versionsOf(house, file);
  assert.ok(first);
  await lockByStranger(house, file.id, { ...NO_END, expiresAt: house.clock.now() + 3_600_000 });

  house.clock.jump(8 * 24 * 3_600_000);

  for (const act of [
    () => rename(house, file, 'b.txt'),
    () => addVersion(house, file, 'third'),
    () => promote(house, file, first.id),
    () => trash(house, file),
  ]) {
    await assert.rejects(act(), refusal('access_denied_item_locked'));
  }
});

test("another's lock stops downloads only where it says so", async () => {
  await using house = await openHouse();
  const { fileId } = await house.file('a.txt');
  const check = () =>
    assertUnlocked(house.files.db, { fileId, caller: house.owner.id, now: house.clock.now(), to: 'download' });

  await lockByStranger(house, fileId, NO_END);
  await check();
  await lockByStranger(house, fileId, { ...NO_END, isDownloadPrevented: true });
  await assert.rejects(check(), refusal('access_denied_item_locked'));
});
