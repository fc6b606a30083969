import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getSpace } from '../../packages/server/src/files/quota.ts';
import { abortSession, expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { collect } from '../conformance/content-samples.ts';
import { begin, commitOf, putAll, tryCommit } from '../uploads/acts.ts';
import { LIFETIME, openRoom, PART_SIZE, type Room } from '../uploads/room.ts';
import { refusal } from './house.ts';
import { assertCountersRight } from './recount.ts';

/** What `begin` makes: two parts and 100 bytes. */
const SIZE = 2 * PART_SIZE + 100;

async function roomFor(files: number): Promise<Room> {
  const room = await openRoom();
  room.uploads.limits.userQuota = files * SIZE;
  return room;
}

async function space({ uploads, owner }: Room): Promise<[used: number, reserved: number]> {
  await assertCountersRight(uploads.db);
  const { used, reserved } = await getSpace(uploads.db, owner.id, uploads.limits.userQuota);
  return [used, reserved];
}

test('a session reserves room for its file, which its commit takes and an abort or its expiry gives back', async () => {
  await using room = await roomFor(1);
  const end = {
    abort: ({ session }: Awaited<ReturnType<typeof begin>>) => abortSession(room.uploads, room.owner.id, session.id),
    expiry: async () => {
      room.clock.advance(LIFETIME);
      await expireSessions(room.uploads);
    },
  };
  for (const ended of ['abort', 'expiry'] as const) {
    const upload = await begin(room);
    assert.deepEqual(await space(room), [0, SIZE]);
    await assert.rejects(begin(room), refusal('storage_limit_exceeded'));
    await end[ended](upload);
    assert.deepEqual(await space(room), [0, 0], ended);
  }
  const upload = await begin(room);
  await putAll(room, upload);
  await commitOf(room, upload);
  assert.deepEqual(await space(room), [SIZE, 0]);
  await commitOf(room, upload);
  assert.deepEqual(await space(room), [SIZE, 0]);
  await assert.rejects(begin(room), refusal('storage_limit_exceeded'));
});

test('a session that there is no room for leaves nothing behind', async () => {
  await using room = await roomFor(0);

  await assert.rejects(begin(room), refusal('storage_limit_exceeded'));

  assert.deepEqual(await room.uploads.db.selectFrom('upload_sessions').selectAll().execute(), []);
  assert.deepEqual(await collect(room.uploads.blobs.list()), []);
});

test('of many sessions at once, from several nodes, as many are made as there is room for', async () => {
  await using room = await roomFor(3);
  const node = await room.another();
  node.uploads.limits.userQuota = 3 * SIZE;

  const made = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => begin(n % 2 === 0 ? room : node)));

  assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 3);
  assert.deepEqual(await space(room), [0, 3 * SIZE]);
  assert.equal((await collect(room.uploads.blobs.list())).length, 3);
});

test('a commit takes what was reserved for it, also where the quota has become smaller since', async () => {
  await using room = await roomFor(1);
  const upload = await begin(room);
  await putAll(room, upload);
  room.uploads.limits.userQuota = 1;

  await commitOf(room, upload);

  assert.deepEqual(await space(room), [SIZE, 0]);
});

test('a commit that is refused keeps its room', async () => {
  await using room = await roomFor(2);
  const [upload, other] = [await begin(room, { name: 'one' }), await begin(room, { name: 'one' })];
  for (const one of [upload, other]) await putAll(room, one);
  await commitOf(room, upload);

  await assert.rejects(tryCommit(room, other), refusal('item_name_in_use'));

  assert.deepEqual(await space(room), [SIZE, SIZE]);
  await abortSession(room.uploads, room.owner.id, other.session.id);
  assert.deepEqual(await space(room), [SIZE, 0]);
});

test('a commit, an abort and the expiry of one session at once count it once', async () => {
  await using room = await roomFor(20);
  for (let round = 0; round < 5; round++) {
    const upload = await begin(room);
    await putAll(room, upload);
    const { id } = upload.session;
    await Promise.allSettled([tryCommit(room, upload), abortSession(room.uploads, room.owner.id, id)]);
    const [, reserved] = await space(room);
    assert.equal(reserved, 0);
  }
});
