import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSession } from '../../packages/server/src/uploads/create-session.ts';
import { abortSession, expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { collect } from '../conformance/content-samples.ts';
import { assertCountersRight } from '../files/recount.ts';
import { begin, commitOf, put, putAll } from './acts.ts';
import { LIFETIME, openRoom, PART_SIZE, type Room } from './room.ts';

/** What `begin` makes: two parts and 100 bytes. */
const SIZE = 2 * PART_SIZE + 100;
const tooMany = {
  code: 'operation_limit_exceeded',
  status: 403,
  message: /3 upload sessions open.*PARTWAY_MAX_SESSIONS/,
};
const tooMuch = { code: 'storage_limit_exceeded', status: 403, message: /PARTWAY_MAX_RESERVED/ };

async function limited(limits: { sessions?: number; reservedBytes?: number }): Promise<Room> {
  const room = await openRoom();
  Object.assign(room.uploads.limits, limits);
  return room;
}

async function openSessions({ uploads }: Room): Promise<number> {
  return (await uploads.db.selectFrom('upload_sessions').select('id').where('state', '=', 'open').execute()).length;
}

for (const [what, limits, refusal] of [
  ['sessions', { sessions: 3 }, tooMany],
  ['bytes that they may come to', { reservedBytes: 3 * SIZE + 1 }, tooMuch],
] as const) {
  test(`of many sessions at once, at several nodes, as many are made as the limit of ${what} allows`, async () => {
    await using room = await limited(limits);
    const node = await room.another();
    Object.assign(node.uploads.limits, limits);
    const made = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => begin(n % 2 === 0 ? room : node)));
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 3);
    assert.equal(await openSessions(room), 3);
    assert.equal((await collect(room.uploads.blobs.list())).length, 3);
    assert.deepEqual(await room.uploads.db.selectFrom('unreferenced_blobs').selectAll().execute(), []);
    await assertCountersRight(room.uploads.db);
    await assert.rejects(begin(room), refusal);
  });
}

test('a session beyond a limit is refused before anything is stored or looked up for it', async () => {
  const begun: unknown[] = [];
  await using room = await openRoom({ plan: [{ method: 'create', when: 'before', hook: () => begun.push(1) }] });
  room.uploads.limits.sessions = 0;
  await assert.rejects(begin(room), { code: 'operation_limit_exceeded' });
  assert.deepEqual(begun, []);
});

test('a commit, an abort and an expiry each make room for one more', async () => {
  await using room = await limited({ sessions: 1 });
  const first = await begin(room);
  await putAll(room, first);
  await commitOf(room, first);
  const second = await begin(room);
  await abortSession(room.uploads, room.owner.id, second.session.id);
  await begin(room);
  await assert.rejects(begin(room), { code: 'operation_limit_exceeded' });
  room.clock.advance(LIFETIME);
  await expireSessions(room.uploads);
  await begin(room);
});

test('a new version of a file is a session like any other', async () => {
  await using room = await limited({ sessions: 1 });
  const first = await begin(room);
  await putAll(room, first);
  const { fileId } = await commitOf(room, first);
  const version = { caller: room.owner.id, fileSize: SIZE, fileId, name: undefined };
  await createSession(room.uploads, version);
  await assert.rejects(createSession(room.uploads, version), { code: 'operation_limit_exceeded' });
});

test('who is beyond a limit that was lowered ends the sessions there are as ever, and begins none', async () => {
  await using room = await openRoom();
  const [one, other, third] = [await begin(room), await begin(room), await begin(room)];
  Object.assign(room.uploads.limits, { sessions: 1, reservedBytes: 1 });
  for (const index of [0, 1, 2]) await put(room, one, index);
  await commitOf(room, one);
  await abortSession(room.uploads, room.owner.id, other.session.id);
  await assert.rejects(begin(room), { code: 'operation_limit_exceeded' });
  await putAll(room, third);
  await commitOf(room, third);
  await assertCountersRight(room.uploads.db);
});

test('a user whose sessions come to more than a number can hold begins none, and all that there is stays usable', async () => {
  await using room = await openRoom();
  const upload = await begin(room);
  const { db } = room.uploads;
  const huge = 2 ** 62;
  await db.updateTable('users').set({ space_reserved: huge }).where('id', '=', room.owner.id).execute();
  await assert.rejects(begin(room), tooMuch);
  await putAll(room, upload);
  await commitOf(room, upload);
});
