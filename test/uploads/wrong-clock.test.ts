import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { touchBlob } from '../../packages/server/src/files/blobs.ts';
import { reserveSpace } from '../../packages/server/src/files/reserve-space.ts';
import { newBlobId } from '../../packages/server/src/storage/blob-store.ts';
import { CLOCK_GRACE } from '../../packages/server/src/time/clock.ts';
import { expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { OrphanScan } from '../../packages/server/src/uploads/orphan-search.ts';
import { listSessions } from '../../packages/server/src/uploads/read-session.ts';
import { collectGarbage } from '../../packages/server/src/uploads/remove-orphans.ts';
import { findSession } from '../../packages/server/src/uploads/session-store.ts';
import { collect } from '../conformance/content-samples.ts';
import { refusal } from '../files/house.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { begin, put, tryCommit } from './acts.ts';
import { LIFETIME, openRoom, type Room } from './room.ts';

const DAY = 24 * 3_600_000;

const bytesIn = async (room: Room) => (await collect(room.uploads.blobs.list())).length;

test('a clock that is eight days ahead for seconds ends no upload and removes no bytes', async () => {
  await using room = await openRoom();
  const upload = await begin(room);
  await put(room, upload, 0);
  const stored = await bytesIn(room);
  room.clock.jump(8 * DAY);
  assert.equal(await expireSessions(room.uploads), 0);
  assert.equal(await collectGarbage(room.uploads, { grace: 3_600_000 }), 0);
  await put(room, upload, 1);
  const listed = await listSessions(room.uploads, room.owner.id, { after: undefined, limit: 10 });
  assert.equal(listed.length, 1);
  room.clock.advance(2_500);
  room.clock.jump(-8 * DAY);
  assert.equal(await expireSessions(room.uploads), 0);
  await put(room, upload, 2);
  assert.equal(await bytesIn(room), stored);
  assert.ok(await tryCommit(room, upload));
});

test('uploads past their time after eight days of sleep end, but only after a quarter of an hour', async () => {
  await using room = await openRoom();
  const [upload, other] = [await begin(room), await begin(room)];
  room.clock.jump(8 * DAY);
  room.clock.advance(LIFETIME / 2);
  await put(room, upload, 0);
  assert.equal(await expireSessions(room.uploads), 0);
  room.clock.advance(CLOCK_GRACE);
  await assert.rejects(put(room, upload, 1), refusal('session_expired'));
  assert.equal(await expireSessions(room.uploads), 2);
  assert.notEqual((await findSession(room.uploads.db, other.session.id))?.state, 'open');
});

test('a session begun while the clock was ahead ends at last, and none before it has had its lifetime', async () => {
  await using room = await openRoom();
  room.clock.jump(400 * DAY);
  const future = await begin(room);
  room.clock.jump(-400 * DAY);
  room.clock.advance(CLOCK_GRACE + LIFETIME - 1);
  const young = await begin(room);
  assert.equal(await expireSessions(room.uploads), 0);
  room.clock.advance(1);
  assert.equal(await expireSessions(room.uploads), 1);
  assert.equal((await findSession(room.uploads.db, future.session.id))?.state, 'expired');
  assert.equal((await findSession(room.uploads.db, young.session.id))?.state, 'open');
});

test('a clock that is eight days behind for seconds ends nothing that was begun meanwhile once it is set right', async () => {
  await using room = await openRoom();
  room.clock.jump(-8 * DAY);
  const upload = await begin(room);
  await put(room, upload, 0);
  const finished = await begin(room, { slots: 1 });
  await put(room, finished, 0);
  await tryCommit(room, finished);
  const stored = await bytesIn(room);
  room.clock.advance(2_500);
  room.clock.jump(8 * DAY);
  assert.equal(await expireSessions(room.uploads), 0);
  assert.equal(await collectGarbage(room.uploads, { grace: 3_600_000 }), 0);
  assert.equal(await bytesIn(room), stored);
  assert.equal((await findSession(room.uploads.db, finished.session.id))?.state, 'committed');
  for (const slot of [1, 2]) await put(room, upload, slot);
  assert.ok(await tryCommit(room, upload));
});

test('a session begun just after a clock that was far ahead was set right ends once it has had its lifetime', async () => {
  await using room = await openRoom();
  // The clock was 400 days ahead and has been believed; now it is set right.
  room.clock.advance(CLOCK_GRACE);
  room.clock.jump(-400 * DAY);
  const { session } = await begin(room);
  room.clock.advance(CLOCK_GRACE + LIFETIME - 1);
  assert.equal(await expireSessions(room.uploads), 0);
  room.clock.advance(1);
  assert.equal(await expireSessions(room.uploads), 1);
  assert.equal((await findSession(room.uploads.db, session.id))?.state, 'expired');
});

test('what another node is storing is not given up by a clock that is wrong for seconds, ahead or behind', async () => {
  await using room = await openRoom();
  const other = await room.another();
  for (const days of [8, -8]) {
    // Behind: it begins while the clock is wrong. Ahead: the clock becomes wrong under it.
    if (days < 0) room.clock.jump(days * DAY);
    const blob = newBlobId();
    const announced = { least: 100, most: 100 };
    await reserveSpace({ ...room.uploads, userQuota: undefined }, { blob, owner: room.owner.id, announced });
    room.clock.advance(2_500);
    room.clock.jump(8 * DAY);
    assert.equal(await collectGarbage(other.uploads, { grace: 3_600_000 }), 0);
    // Rejects where it was given up.
    await touchBlob(room.uploads.db, blob, room.clock.now());
    if (days > 0) room.clock.jump(-days * DAY);
  }
});

test('a clock that is wrong for seconds makes no orphan of what is young, and keeps none for a shorter time', {
  skip: bytesNotOnDisk ?? false,
}, async () => {
  await using room = await openRoom();
  const { db, blobs } = room.uploads;
  const lose = () => blobs.put(newBlobId(), Readable.from([Buffer.from('lost')]), room.owner.id);
  const noted = async () => (await db.selectFrom('orphaned_blobs').selectAll().execute()).length;
  const young = new OrphanScan(room.uploads, { grace: 3_600_000, retention: DAY });
  const any = new OrphanScan(room.uploads, { grace: -3_600_000, retention: DAY });
  await lose();
  for (const days of [8, -8]) {
    room.clock.jump(days * DAY);
    await young.run();
    room.clock.jump(-days * DAY);
    assert.equal(await noted(), 0);
  }

  assert.equal(await any.run(), 0);
  room.clock.jump(8 * DAY);
  assert.equal(await any.run(), 0, 'known for a moment, by a clock that is ahead');
  room.clock.jump(-8 * DAY);
  await blobs.remove((await db.selectFrom('orphaned_blobs').selectAll().executeTakeFirstOrThrow()).blob_id);
  await db.deleteFrom('orphaned_blobs').execute();

  room.clock.jump(-8 * DAY);
  await lose();
  const late = new OrphanScan(room.uploads, { grace: -9 * DAY, retention: DAY });
  assert.equal(await late.run(), 0);
  room.clock.jump(8 * DAY);
  assert.equal(await late.run(), 0, 'noted by a clock that was behind');
  assert.equal(await noted(), 1);
  room.clock.advance(DAY);
  assert.equal(await late.run(), 1);
});

test('a clock set back a day keeps uploads that were begun before, and they can be completed', async () => {
  await using room = await openRoom();
  const upload = await begin(room, { slots: 1 });
  room.clock.jump(-DAY);
  room.clock.advance(LIFETIME / 2);
  assert.equal(await expireSessions(room.uploads), 0);
  await put(room, upload, 0);
  assert.ok(await tryCommit(room, upload));
});

test('finished sessions are told to clients for their time even if the clock is ahead for seconds', async () => {
  await using room = await openRoom();
  const upload = await begin(room, { slots: 1 });
  await put(room, upload, 0);
  await tryCommit(room, upload);
  room.clock.jump(8 * DAY);
  await expireSessions(room.uploads);
  assert.equal((await findSession(room.uploads.db, upload.session.id))?.state, 'committed');
});
