import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setQuota } from '../../packages/server/src/auth/users/store.ts';
import type { UserRow } from '../../packages/server/src/database/schema.ts';
import { uploadFile } from '../../packages/server/src/files/direct-upload.ts';
import { checkSpace, getSpace } from '../../packages/server/src/files/quota.ts';
import { bodyBy, chunks, type House, openHouse, refusal } from './house.ts';
import { assertCountersRight } from './recount.ts';
import { addVersion, copy, fileOf, promote, purge, restore, trash, versionsOf } from './tree-acts.ts';

async function houseWith(userQuota: number): Promise<House> {
  const house = await openHouse();
  house.files.userQuota = userQuota;
  return house;
}

const full = refusal('storage_limit_exceeded');
const used = async ({ files, owner }: House) => (await getSpace(files.db, owner.id, files.userQuota)).used;

test('a user keeps as much as the quota says and not a byte more, by uploads, versions, promotions and copies', async () => {
  await using house = await houseWith(10);
  const root = { id: house.owner.root_id };
  const file = fileOf(await house.file('a', { text: '123' }));
  await addVersion(house, file, '1234');
  const [first] = await versionsOf(house, file);
  assert.ok(first);

  await assert.rejects(house.file('b', { text: '1234' }), full);
  await assert.rejects(addVersion(house, file, '1234'), full);
  await assert.rejects(copy(house, file, root, { name: 'b' }), full);
  await promote(house, file, first.id);
  assert.equal(await used(house), 10);
  await assert.rejects(promote(house, file, first.id), full);
  await house.file('empty', { text: '' });

  assert.equal((await house.stored()).length, 3);
  await assertCountersRight(house.files.db);
});

test('the trash counts until it is emptied', async () => {
  await using house = await houseWith(5);
  const file = fileOf(await house.file('a', { text: '12345' }));

  await trash(house, file);
  await assert.rejects(house.file('b', { text: '1' }), full);
  await restore(house, file);
  await trash(house, file);
  await purge(house, file);
  await house.file('b', { text: '12345' });
});

test('a folder is copied whole or, where there is no room for it, not at all', async () => {
  await using house = await houseWith(11);
  const folder = await house.folder('folder');
  await house.file('a', { text: '123', parent: folder.id });
  await house.file('b', { text: '456', parent: folder.id });

  await assert.rejects(copy(house, folder, { id: house.owner.root_id }, { name: 'copy' }), full);

  await house.folder('copy');
  await assertCountersRight(house.files.db);
});

test('a body is cut off where the room ends, not read to its end', async () => {
  await using house = await houseWith(5);
  let read = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 3;
      yield Buffer.from('123');
    }
  }
  const place = { folderId: house.owner.root_id, name: 'a' };

  await assert.rejects(uploadFile(house.files, place, bodyBy(house.owner, endless())), full);

  assert.ok(read <= 9);
  assert.deepEqual(await house.stored(), []);
});

test('of many uploads at once as many end as there is room for', async () => {
  await using house = await houseWith(10);
  const gate = Promise.withResolvers<void>();
  async function* slowly(): AsyncGenerator<Uint8Array> {
    await gate.promise;
    yield* chunks('123');
  }
  const uploads = Array.from({ length: 8 }, (_, n) =>
    uploadFile(house.files, { folderId: house.owner.root_id, name: `${n}` }, bodyBy(house.owner, slowly())),
  );
  gate.resolve();

  const results = await Promise.allSettled(uploads);

  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3);
  for (const result of results) if (result.status === 'rejected') assert.ok(full(result.reason));
  assert.equal((await house.stored()).length, 3);
  await assertCountersRight(house.files.db);
});

test("a user's own quota goes before the server's, also where it is none; what is there stays", async () => {
  await using house = await houseWith(5);
  const { files, owner } = house;
  const quotaOf = async ({ id }: UserRow) => (await getSpace(files.db, id, files.userQuota)).quota;
  await house.file('a', { text: '12345' });

  assert.equal(await setQuota(files.db, owner.id, 2), true);
  assert.deepEqual([await quotaOf(owner), await quotaOf(house.stranger)], [2, 5]);
  await assert.rejects(checkSpace(files.db, owner.id, 1, files.userQuota), full);
  await setQuota(files.db, owner.id, -1);
  assert.equal(await quotaOf(owner), undefined);
  await house.file('b', { text: '123456789' });
  await setQuota(files.db, owner.id, null);
  assert.equal(await quotaOf(owner), 5);
  assert.equal(await setQuota(files.db, 1 as typeof owner.id, 5), false);
});
