import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { touchBlob } from '../../packages/server/src/files/blobs.ts';
import { reserveSpace } from '../../packages/server/src/files/reserve-space.ts';
import { newBlobId } from '../../packages/server/src/storage/blob-store.ts';
import { CLOCK_GRACE } from '../../packages/server/src/time/clock.ts';
import { collectGarbage } from '../../packages/server/src/uploads/collect-garbage.ts';
import { expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { OrphanScan } from '../../packages/server/src/uploads/orphan-scan.ts';
import { listSessions } from '../../packages/server/src/uploads/read-session.ts';
import { findSession } from '../../packages/server/src/uploads/session-store.ts';
import { collect } from '../conformance/blob-samples.ts';
import { errorWithCode } from '../files/files-fixture.ts';
import { bytesNotOnDisk } from '../support/storage.ts';
import { LIFETIME, openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import { createUpload, sendPart, tryCommit } from './upload-steps.ts';

const DAY = 24 * 3_600_000;

const countBlobs = async (fixture: UploadFixture) => (await collect(fixture.uploads.blobs.list())).length;

test('a clock that is eight days ahead for seconds ends no upload and deletes no blob', async () => {
  await using fixture = await openUploadFixture();
  const upload = await createUpload(fixture);
  await sendPart(fixture, upload, 0);
  const stored = await countBlobs(fixture);
  fixture.clock.jump(8 * DAY);
  assert.equal(await expireSessions(fixture.uploads), 0);
  assert.equal(await collectGarbage(fixture.uploads, { grace: 3_600_000 }), 0);
  await sendPart(fixture, upload, 1);
  const listed = await listSessions(fixture.uploads, fixture.owner.id, { after: undefined, limit: 10 });
  assert.equal(listed.length, 1);
  fixture.clock.advance(2_500);
  fixture.clock.jump(-8 * DAY);
  assert.equal(await expireSessions(fixture.uploads), 0);
  await sendPart(fixture, upload, 2);
  assert.equal(await countBlobs(fixture), stored);
  assert.ok(await tryCommit(fixture, upload));
});

test('expired uploads end after eight days of sleep, but only after a quarter of an hour', async () => {
  await using fixture = await openUploadFixture();
  const [upload, other] = [await createUpload(fixture), await createUpload(fixture)];
  fixture.clock.jump(8 * DAY);
  fixture.clock.advance(LIFETIME / 2);
  await sendPart(fixture, upload, 0);
  assert.equal(await expireSessions(fixture.uploads), 0);
  fixture.clock.advance(CLOCK_GRACE);
  await assert.rejects(sendPart(fixture, upload, 1), errorWithCode('session-expired'));
  assert.equal(await expireSessions(fixture.uploads), 2);
  assert.notEqual((await findSession(fixture.uploads.db, other.session.id))?.state, 'open');
});

test('a session created while the clock was ahead ends eventually, and none before it ends early', async () => {
  await using fixture = await openUploadFixture();
  fixture.clock.jump(400 * DAY);
  const future = await createUpload(fixture);
  fixture.clock.jump(-400 * DAY);
  fixture.clock.advance(CLOCK_GRACE + LIFETIME - 1);
  const young = await createUpload(fixture);
  assert.equal(await expireSessions(fixture.uploads), 0);
  fixture.clock.advance(1);
  assert.equal(await expireSessions(fixture.uploads), 1);
  assert.equal((await findSession(fixture.uploads.db, future.session.id))?.state, 'expired');
  assert.equal((await findSession(fixture.uploads.db, young.session.id))?.state, 'open');
});

test('a clock that is eight days behind for seconds does not end sessions created in that time once it is corrected', async () => {
  await using fixture = await openUploadFixture();
  fixture.clock.jump(-8 * DAY);
  const upload = await createUpload(fixture);
  await sendPart(fixture, upload, 0);
  const finished = await createUpload(fixture, { partCount: 1 });
  await sendPart(fixture, finished, 0);
  await tryCommit(fixture, finished);
  const stored = await countBlobs(fixture);
  fixture.clock.advance(2_500);
  fixture.clock.jump(8 * DAY);
  assert.equal(await expireSessions(fixture.uploads), 0);
  assert.equal(await collectGarbage(fixture.uploads, { grace: 3_600_000 }), 0);
  assert.equal(await countBlobs(fixture), stored);
  assert.equal((await findSession(fixture.uploads.db, finished.session.id))?.state, 'committed');
  for (const slot of [1, 2]) await sendPart(fixture, upload, slot);
  assert.ok(await tryCommit(fixture, upload));
});

test('a session created just after a clock far ahead was corrected ends after its lifetime', async () => {
  await using fixture = await openUploadFixture();
  // The clock was 400 days ahead and had been trusted; now it is corrected.
  fixture.clock.advance(CLOCK_GRACE);
  fixture.clock.jump(-400 * DAY);
  const { session } = await createUpload(fixture);
  fixture.clock.advance(CLOCK_GRACE + LIFETIME - 1);
  assert.equal(await expireSessions(fixture.uploads), 0);
  fixture.clock.advance(1);
  assert.equal(await expireSessions(fixture.uploads), 1);
  assert.equal((await findSession(fixture.uploads.db, session.id))?.state, 'expired');
});

test('a part that another node is storing is not given up because of a clock that is wrong for seconds', async () => {
  await using fixture = await openUploadFixture();
  const other = await fixture.openAnother();
  for (const days of [8, -8]) {
    // If behind, it starts while the clock is wrong. If ahead, the clock becomes wrong while it is in progress.
    if (days < 0) fixture.clock.jump(days * DAY);
    const blob = newBlobId();
    const announced = { min: 100, max: 100 };
    await reserveSpace({ ...fixture.uploads, userQuota: undefined }, { blob, owner: fixture.owner.id, announced });
    fixture.clock.advance(2_500);
    fixture.clock.jump(8 * DAY);
    assert.equal(await collectGarbage(other.uploads, { grace: 3_600_000 }), 0);
    // Rejects if it was given up.
    await touchBlob(fixture.uploads.db, blob, fixture.clock.now());
    if (days > 0) fixture.clock.jump(-days * DAY);
  }
});

test('a clock that is wrong for seconds makes no recent blob an orphan, and shortens no retention time', {
  skip: bytesNotOnDisk ?? false,
}, async () => {
  await using fixture = await openUploadFixture();
  const { db, blobs } = fixture.uploads;
  const lose = () => blobs.put(newBlobId(), Readable.from([Buffer.from('lost')]), fixture.owner.id);
  const noted = async () => (await db.selectFrom('orphaned_blobs').selectAll().execute()).length;
  const young = new OrphanScan(fixture.uploads, { grace: 3_600_000, retention: DAY });
  const any = new OrphanScan(fixture.uploads, { grace: -3_600_000, retention: DAY });
  await lose();
  for (const days of [8, -8]) {
    fixture.clock.jump(days * DAY);
    await young.run();
    fixture.clock.jump(-days * DAY);
    assert.equal(await noted(), 0);
  }

  assert.equal(await any.run(), 0);
  fixture.clock.jump(8 * DAY);
  assert.equal(await any.run(), 0, 'known only for a moment, with a clock that is ahead');
  fixture.clock.jump(-8 * DAY);
  await blobs.remove((await db.selectFrom('orphaned_blobs').selectAll().executeTakeFirstOrThrow()).blob_id);
  await db.deleteFrom('orphaned_blobs').execute();

  fixture.clock.jump(-8 * DAY);
  await lose();
  const late = new OrphanScan(fixture.uploads, { grace: -9 * DAY, retention: DAY });
  assert.equal(await late.run(), 0);
  fixture.clock.jump(8 * DAY);
  assert.equal(await late.run(), 0, 'recorded with a clock that was behind');
  assert.equal(await noted(), 1);
  fixture.clock.advance(DAY);
  assert.equal(await late.run(), 1);
});

test('uploads created before the clock was set back a day are kept and can be completed', async () => {
  await using fixture = await openUploadFixture();
  const upload = await createUpload(fixture, { partCount: 1 });
  fixture.clock.jump(-DAY);
  fixture.clock.advance(LIFETIME / 2);
  assert.equal(await expireSessions(fixture.uploads), 0);
  await sendPart(fixture, upload, 0);
  assert.ok(await tryCommit(fixture, upload));
});

test('finished sessions are reported to clients for their full time even if the clock is ahead for seconds', async () => {
  await using fixture = await openUploadFixture();
  const upload = await createUpload(fixture, { partCount: 1 });
  await sendPart(fixture, upload, 0);
  await tryCommit(fixture, upload);
  fixture.clock.jump(8 * DAY);
  await expireSessions(fixture.uploads);
  assert.equal((await findSession(fixture.uploads.db, upload.session.id))?.state, 'committed');
});
