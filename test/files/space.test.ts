import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uploadFile } from '../../packages/server/src/files/direct-upload.ts';
import { type Charge, chargeSpace, checkSize, checkSpace, getSpace } from '../../packages/server/src/files/quota.ts';
import { chunks, createBody, errorWithCode, type FilesFixture, openFilesFixture } from './files-fixture.ts';

type Counters = Partial<Record<'space_used' | 'space_reserved' | 'item_count', number>> & {
  space_quota?: number | null;
};

async function setCounters({ files, owner }: FilesFixture, counters: Counters): Promise<void> {
  await files.db.updateTable('users').set(counters).where('id', '=', owner.id).execute();
}

async function getCounters({ files, owner }: FilesFixture) {
  return files.db
    .selectFrom('users')
    .select(['space_used', 'space_reserved', 'item_count'])
    .where('id', '=', owner.id)
    .executeTakeFirstOrThrow();
}

function charge(
  { files, owner }: FilesFixture,
  amounts: Charge,
  { quota, items }: { quota?: number; items?: number } = {},
) {
  return files.db.transaction().execute((tx) => chargeSpace(tx, owner.id, amounts, quota, items));
}

const isFull = errorWithCode('quota-exceeded');

/** For assert.rejects: the limit of items is reached, not the quota. */
function hasTooManyItems(error: unknown): boolean {
  return (error as { context?: { limit?: string } }).context?.limit === 'PARTWAY_MAX_ITEMS';
}
const hasNoBytesLeft = (error: unknown) => isFull(error) && !hasTooManyItems(error);

test('used and reserved bytes share the quota, to the last byte', async () => {
  await using fixture = await openFilesFixture();
  await setCounters(fixture, { space_used: 60, space_reserved: 30 });
  await assert.rejects(charge(fixture, { used: 11 }, { quota: 100 }), hasNoBytesLeft);
  await assert.rejects(charge(fixture, { reserved: 11 }, { quota: 100 }), hasNoBytesLeft);
  await assert.rejects(charge(fixture, { used: 6, reserved: 5 }, { quota: 100 }), hasNoBytesLeft);
  await charge(fixture, { used: 9 }, { quota: 100 });
  await charge(fixture, { reserved: 1 }, { quota: 100 });
  await assert.rejects(charge(fixture, { used: 1 }, { quota: 100 }), hasNoBytesLeft);
  assert.deepEqual(await getCounters(fixture), { space_used: 69, space_reserved: 31, item_count: 0 });
});

test('a user who is above the quota can release space and use reserved space', async () => {
  await using fixture = await openFilesFixture();
  await setCounters(fixture, { space_used: 200, space_reserved: 50 });
  await charge(fixture, { items: 1 }, { quota: 100 });
  await charge(fixture, { used: 50, reserved: -50 }, { quota: 100 });
  await charge(fixture, { used: -20, items: -1 }, { quota: 100 });
  assert.deepEqual(await getCounters(fixture), { space_used: 230, space_reserved: 0, item_count: 0 });
});

test('a user who has too many items can delete some', async () => {
  await using fixture = await openFilesFixture();
  await setCounters(fixture, { item_count: 10 });
  await charge(fixture, { items: -1 }, { items: 5 });
  await charge(fixture, { used: 1 }, { items: 5 });
  assert.equal((await getCounters(fixture)).item_count, 9);
});

test('the last item can be created, and the one after it cannot', async () => {
  await using fixture = await openFilesFixture();
  await setCounters(fixture, { item_count: 3 });
  await assert.rejects(charge(fixture, { items: 3 }, { items: 5 }), hasTooManyItems);
  await charge(fixture, { items: 2 }, { items: 5 });
  await assert.rejects(charge(fixture, { items: 1 }, { items: 5 }), hasTooManyItems);
});

test('an error names the quota if there is space for one more item but not for its bytes', async () => {
  await using fixture = await openFilesFixture();
  await setCounters(fixture, { item_count: 4, space_used: 100 });
  await assert.rejects(charge(fixture, { used: 1, items: 1 }, { quota: 100, items: 5 }), hasNoBytesLeft);
  await setCounters(fixture, { item_count: 5 });
  await assert.rejects(charge(fixture, { used: 1, items: 1 }, { quota: 100, items: 5 }), hasTooManyItems);
});

test('without a quota, the sum stays within the numbers that are exact', async () => {
  await using fixture = await openFilesFixture();
  await setCounters(fixture, { space_used: Number.MAX_SAFE_INTEGER - 10 });
  await assert.rejects(charge(fixture, { used: 11 }), hasNoBytesLeft);
  await charge(fixture, { used: 10 });
  await assert.rejects(charge(fixture, { reserved: 1 }), hasNoBytesLeft);
});

test("a user's own quota overrides the default, and a negative quota is none", async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  async function quotaWith(space_quota: number | null, userQuota?: number) {
    await setCounters(fixture, { space_quota });
    return (await getSpace(files.db, owner.id, userQuota)).quota;
  }
  assert.equal(await quotaWith(null), undefined);
  assert.equal(await quotaWith(null, 100), 100);
  assert.equal(await quotaWith(null, 0), 0);
  assert.equal(await quotaWith(50, 100), 50);
  assert.equal(await quotaWith(0, 100), 0);
  assert.equal(await quotaWith(-1, 100), undefined);
});

test('a body of unknown size is cut off at its first byte if the quota is 0', async () => {
  await using fixture = await openFilesFixture();
  await setCounters(fixture, { space_quota: 0 });
  let read = 0;
  async function* body() {
    for await (const chunk of chunks('1', '2', '3')) {
      read += 1;
      yield chunk;
    }
  }
  const place = { folderId: fixture.owner.root_id, name: 'a' };
  await assert.rejects(uploadFile(fixture.files, place, createBody(fixture.owner, body())), hasNoBytesLeft);
  assert.equal(read, 1);
});

test('the early check answers as the charge would', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  await setCounters(fixture, { space_used: 90, item_count: 4 });
  await checkSpace(files.db, owner.id, 10, 100, { maxItems: 5 });
  await checkSpace(files.db, owner.id, 10, 100, { items: 2, maxItems: 6 });
  await checkSpace(files.db, owner.id, 10, 100);
  await assert.rejects(checkSpace(files.db, owner.id, 11, 100), hasNoBytesLeft);
  await assert.rejects(checkSpace(files.db, owner.id, 10, 100, { maxItems: 4 }), hasTooManyItems);
  await assert.rejects(checkSpace(files.db, owner.id, 10, 100, { items: 3, maxItems: 6 }), hasTooManyItems);
});

test('a file can have the maximum size and not a byte more', () => {
  checkSize({ maxFileSize: 10 }, 10);
  assert.throws(() => checkSize({ maxFileSize: 10 }, 11), errorWithCode('file-too-large'));
});
