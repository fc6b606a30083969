import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOCK_GRACE } from '../../src/clock.ts';
import { listSessions } from '../../src/uploads/list-sessions.ts';
import { findSession } from '../../src/uploads/records.ts';
import { removeOrphans } from '../../src/uploads/remove-orphans.ts';
import { expireSessions } from '../../src/uploads/sweep.ts';
import { collect } from '../conformance/content-samples.ts';
import { refusal } from '../files/house.ts';
import { begin, put, tryCommit } from './acts.ts';
import { LIFETIME, openRoom, type Room } from './room.ts';

const DAY = 24 * 3_600_000;

const bytesIn = async (room: Room) => (await collect(room.uploads.content.list())).length;

test('a clock that is eight days ahead for seconds ends no upload and removes no bytes', async () => {
  await using room = await openRoom();
  const upload = await begin(room);
  await put(room, upload, 0);
  const stored = await bytesIn(room);
  room.clock.jump(8 * DAY);
  assert.equal(await expireSessions(room.uploads), 0);
  assert.equal(await removeOrphans(room.uploads, { grace: 3_600_000 }), 0);
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
  room.clock.advance(LIFETIME - 1);
  const young = await begin(room);
  assert.equal(await expireSessions(room.uploads), 0);
  room.clock.advance(1);
  assert.equal(await expireSessions(room.uploads), 1);
  assert.equal((await findSession(room.uploads.db, future.session.id))?.state, 'expired');
  assert.equal((await findSession(room.uploads.db, young.session.id))?.state, 'open');
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
