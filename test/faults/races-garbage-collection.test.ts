import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobStore, FoundBlob } from '../../packages/server/src/storage/blob-store.ts';
import { collectGarbage } from '../../packages/server/src/uploads/collect-garbage.ts';
import { expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { OrphanScan } from '../../packages/server/src/uploads/orphan-scan.ts';
import { findSession } from '../../packages/server/src/uploads/session-store.ts';
import { collect } from '../conformance/blob-samples.ts';
import { LIFETIME, openUploadFixture, type UploadFixture } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  collectGarbageNow,
  commitUpload,
  createUpload,
  listVersions,
  partsIn,
  sendAllParts,
  sendPart,
} from '../uploads/upload-steps.ts';
import type { Fault } from './faulty.ts';

const DAY = 24 * 3_600_000;

describe('garbage collection', () => {
  for (const when of ['before', 'after'] as const) {
    it(`keeps the bytes of a commit that is about to publish, ${when} they are complete`, async () => {
      const plan: Fault<BlobStore>[] = [];
      await using fixture = await openUploadFixture({ plan });
      const upload = await createUpload(fixture);
      await sendAllParts(fixture, upload);
      plan.push({ method: 'complete', when, hook: () => runCleanup(fixture) });
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    });
  }

  it('keeps the bytes of a commit that publishes after its session was found overdue', async () => {
    const plan: Fault<BlobStore>[] = [];
    await using fixture = await openUploadFixture({ plan });
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const [sealed, found] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    plan.push({
      method: 'complete',
      when: 'after',
      hook: () => {
        sealed.resolve();
        return found.promise;
      },
    });
    const committing = commitUpload(fixture, upload);
    await sealed.promise;
    fixture.clock.advance(LIFETIME);
    const { db } = fixture.uploads;
    let asked = 0;
    const blockingDb = db.withPlugin({
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        asked += 1;
        if (asked > 1) return result;
        assert.equal(result.rows.length, 1, 'the session is overdue');
        found.resolve();
        await committing;
        return result;
      },
    });
    assert.equal(await expireSessions({ ...fixture.uploads, db: blockingDb }), 0);
    await assertOnlyFile(fixture, upload, await committing);
  });

  it('keeps a file that is completed and published during the scan', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const { blobs } = fixture.uploads;
    async function* look(part: number) {
      for await (const found of blobs.find(part)) {
        yield found;
        await commitUpload(fixture, upload);
      }
    }
    const slowly = { ...fixture, uploads: { ...fixture.uploads, blobs: { ...blobs, find: look } } };
    assert.equal(await collectGarbageNow(slowly), 0);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('running continuously in parallel with uploads deletes nothing of theirs', async () => {
    await using fixture = await openUploadFixture();
    let uploading = true;
    const collecting = (async () => {
      let removed = 0;
      while (uploading) removed += await runCleanup(fixture);
      return removed;
    })();
    const uploads = await Promise.all([1, 2, 3, 4].map(() => createUpload(fixture)));
    for (const upload of uploads) await Promise.all(partsIn(upload).map((index) => sendPart(fixture, upload, index)));
    await Promise.all(uploads.map((upload) => commitUpload(fixture, upload)));
    uploading = false;
    assert.equal(await collecting, 0);
    const files = (await listVersions(fixture)).map(({ bytes }) => bytes);
    for (const { bytes } of uploads) assert.ok(files.some((file) => file.equals(bytes)));
  });

  it('keeps bytes whose session is about to get its row: those of this server as in flight, others within the grace period', async () => {
    const plan: Fault<BlobStore>[] = [];
    await using fixture = await openUploadFixture({ plan });
    const other = await fixture.openAnother();
    plan.push({ method: 'create', when: 'after', hook: () => collectGarbageNow(fixture) });
    plan.push({ method: 'create', when: 'after', hook: () => collectGarbage(other.uploads, { grace: 60_000 }) });
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('keeps bytes without a row while they are being written, and deletes them afterwards', async () => {
    await using fixture = await openUploadFixture();
    const { blobs } = fixture.uploads;
    const { session } = await createUpload(fixture);
    await fixture.uploads.db.deleteFrom('upload_sessions').execute();
    let wroteAt = fixture.clock.now() - 59_000;
    async function* look(part: number): AsyncGenerator<FoundBlob> {
      if (part === 0) yield { blob: session.staged.blob, lastWrite: async () => wroteAt };
    }
    const uploads = { ...fixture.uploads, blobs: { ...blobs, find: look } };
    assert.equal(await collectGarbage(uploads, { grace: 60_000 }), 0);
    wroteAt -= 2_000;
    assert.equal(await collectGarbage(uploads, { grace: 60_000 }), 1);
    assert.deepEqual(await collect(blobs.list()), []);
  });

  it('keeps an orphan until it has been known for the retention time, however often it scans', async () => {
    await using fixture = await openUploadFixture();
    await createUpload(fixture);
    await fixture.uploads.db.deleteFrom('upload_sessions').execute();
    const reports: number[] = [];
    const rules = { grace: -3_600_000, retention: 7 * DAY, onFound: (count: number) => reports.push(count) };
    const search = new OrphanScan(fixture.uploads, rules);
    for (const days of [0, 3, 3.9]) {
      fixture.clock.advance(days * DAY);
      assert.equal(await search.run(), 0);
    }
    assert.equal((await collect(fixture.uploads.blobs.list())).length, 1);
    assert.deepEqual(reports, [1]);
    fixture.clock.advance(0.2 * DAY);
    assert.equal(await search.run(), 1);
    assert.deepEqual(await collect(fixture.uploads.blobs.list()), []);
    assert.deepEqual(await fixture.uploads.db.selectFrom('orphaned_blobs').selectAll().execute(), []);
  });

  it('forgets orphans that have a row again, and never deletes them', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const { db } = fixture.uploads;
    const row = await db.selectFrom('upload_sessions').selectAll().executeTakeFirstOrThrow();
    const parts = await db.selectFrom('parts').selectAll().execute();
    await db.deleteFrom('upload_sessions').execute();
    const search = new OrphanScan(fixture.uploads, { grace: -3_600_000, retention: DAY });
    await search.run();
    assert.equal((await db.selectFrom('orphaned_blobs').selectAll().execute()).length, 1);
    await db
      .insertInto('upload_sessions')
      .values({ ...row, expires_at: fixture.clock.now() + 9 * DAY })
      .execute();
    await db.insertInto('parts').values(parts).execute();
    fixture.clock.advance(2 * DAY);
    assert.equal(await search.run(), 0);
    assert.deepEqual(await db.selectFrom('orphaned_blobs').selectAll().execute(), []);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  it('deletes what a crash left before the session had its row, after the grace period', async () => {
    const plan: Fault<BlobStore>[] = [{ method: 'create', when: 'after', call: 1, fail: new Error('died here') }];
    await using fixture = await openUploadFixture({ plan });
    await assert.rejects(createUpload(fixture), /died here/);
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    assert.equal(await collectGarbage(fixture.uploads, { grace: 60_000 }), 0);
    fixture.clock.advance(120_000);
    assert.equal(await collectGarbage(fixture.uploads, { grace: 60_000 }), 1);
    fixture.clock.advance(-120_000);
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });
});

describe('expiry of sessions', () => {
  it('never affects a finished file, however long ago it was uploaded', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const file = await commitUpload(fixture, upload);
    for (let lifetimes = 0; lifetimes < 4; lifetimes++) {
      fixture.clock.advance(LIFETIME);
      assert.equal(await expireSessions(fixture.uploads), 0);
      await collectGarbageNow(fixture);
      await assertOnlyFile(fixture, upload, file);
    }
    assert.equal(await findSession(fixture.uploads.db, upload.session.id), undefined);
  });

  it("keeps the bytes of a session if a version references them, whatever the session's state", async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const file = await commitUpload(fixture, upload);
    // No order of events should lead to this.
    await fixture.uploads.db.updateTable('upload_sessions').set({ state: 'open' }).execute();
    fixture.clock.advance(LIFETIME);
    assert.equal(await expireSessions(fixture.uploads), 1);
    await assertOnlyFile(fixture, upload, file);
  });

  it('ends all sessions past their time, even more than a batch, and no others', async () => {
    await using fixture = await openUploadFixture();
    const late = [];
    for (let n = 0; n < 105; n++) late.push(await createUpload(fixture, { partCount: 1 }));
    fixture.clock.advance(LIFETIME - 1);
    const young = await createUpload(fixture);
    assert.equal(await expireSessions(fixture.uploads), 0);
    fixture.clock.advance(1);
    assert.equal(await expireSessions(fixture.uploads), late.length);
    const left = await collect(fixture.uploads.blobs.list());
    assert.deepEqual(
      left.map(({ blob }) => blob),
      [young.session.staged.blob],
    );
    await sendAllParts(fixture, young);
    await assertOnlyFile(fixture, young, await commitUpload(fixture, young));
  });

  it('is reported to clients for another lifetime; then the session is deleted', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    fixture.clock.advance(LIFETIME);
    await assert.rejects(sendPart(fixture, upload, 0), { code: 'session-expired' });
    await expireSessions(fixture.uploads);
    await assert.rejects(sendPart(fixture, upload, 0), { code: 'session-expired' });
    fixture.clock.advance(LIFETIME);
    await expireSessions(fixture.uploads);
    await assert.rejects(sendPart(fixture, upload, 0), { code: 'session-not-found' });
  });
});

async function runCleanup(fixture: UploadFixture): Promise<number> {
  return (await expireSessions(fixture.uploads)) + (await collectGarbageNow(fixture));
}
