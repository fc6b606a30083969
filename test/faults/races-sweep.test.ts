import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobStore, FoundBlob } from '../../packages/server/src/storage/blob-store.ts';
import { expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { OrphanScan } from '../../packages/server/src/uploads/orphan-search.ts';
import { collectGarbage } from '../../packages/server/src/uploads/remove-orphans.ts';
import { findSession } from '../../packages/server/src/uploads/session-store.ts';
import { collect } from '../conformance/content-samples.ts';
import { assertOnlyFile, begin, commitOf, published, put, putAll, removeOrphansNow, slotsIn } from '../uploads/acts.ts';
import { LIFETIME, openRoom, type Room } from '../uploads/room.ts';
import type { Fault } from './faulty.ts';

const DAY = 24 * 3_600_000;

describe('the sweep', () => {
  for (const when of ['before', 'after'] as const) {
    it(`leaves the bytes of a commit that is about to publish, ${when} they are sealed`, async () => {
      const plan: Fault<BlobStore>[] = [];
      await using room = await openRoom({ plan });
      const upload = await begin(room);
      await putAll(room, upload);
      plan.push({ method: 'complete', when, hook: () => sweep(room) });
      await assertOnlyFile(room, upload, await commitOf(room, upload));
    });
  }

  it('leaves the bytes of a commit that publishes after the sweep has found its session overdue', async () => {
    const plan: Fault<BlobStore>[] = [];
    await using room = await openRoom({ plan });
    const upload = await begin(room);
    await putAll(room, upload);
    const [sealed, found] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    plan.push({
      method: 'complete',
      when: 'after',
      hook: () => {
        sealed.resolve();
        return found.promise;
      },
    });
    const committing = commitOf(room, upload);
    await sealed.promise;
    room.clock.advance(LIFETIME);
    const { db } = room.uploads;
    let asked = 0;
    const patient = db.withPlugin({
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
    assert.equal(await expireSessions({ ...room.uploads, db: patient }), 0);
    await assertOnlyFile(room, upload, await committing);
  });

  it('leaves a file that is sealed and published while it looks through the store', async () => {
    await using room = await openRoom();
    const upload = await begin(room);
    await putAll(room, upload);
    const { blobs } = room.uploads;
    async function* look(part: number) {
      for await (const found of blobs.find(part)) {
        yield found;
        await commitOf(room, upload);
      }
    }
    const slowly = { ...room, uploads: { ...room.uploads, blobs: { ...blobs, find: look } } };
    assert.equal(await removeOrphansNow(slowly), 0);
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });

  it('going on without a pause beside uploads takes nothing of theirs', async () => {
    await using room = await openRoom();
    let uploading = true;
    const sweeping = (async () => {
      let removed = 0;
      while (uploading) removed += await sweep(room);
      return removed;
    })();
    const uploads = await Promise.all([1, 2, 3, 4].map(() => begin(room)));
    for (const upload of uploads) await Promise.all(slotsIn(upload).map((index) => put(room, upload, index)));
    await Promise.all(uploads.map((upload) => commitOf(room, upload)));
    uploading = false;
    assert.equal(await sweeping, 0);
    const files = (await published(room)).map(({ bytes }) => bytes);
    for (const { bytes } of uploads) assert.ok(files.some((file) => file.equals(bytes)));
  });

  it('leaves bytes whose session is about to get its row: those of this server by knowing, of others by its grace', async () => {
    const plan: Fault<BlobStore>[] = [];
    await using room = await openRoom({ plan });
    const other = await room.another();
    plan.push({ method: 'create', when: 'after', hook: () => removeOrphansNow(room) });
    plan.push({ method: 'create', when: 'after', hook: () => collectGarbage(other.uploads, { grace: 60_000 }) });
    const upload = await begin(room);
    await putAll(room, upload);
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });

  it('leaves bytes without a row as long as they are still written to, and removes them once they are not', async () => {
    await using room = await openRoom();
    const { blobs } = room.uploads;
    const { session } = await begin(room);
    await room.uploads.db.deleteFrom('upload_sessions').execute();
    let wroteAt = room.clock.now() - 59_000;
    async function* look(part: number): AsyncGenerator<FoundBlob> {
      if (part === 0) yield { blob: session.staged.blob, lastWrite: async () => wroteAt };
    }
    const uploads = { ...room.uploads, blobs: { ...blobs, find: look } };
    assert.equal(await collectGarbage(uploads, { grace: 60_000 }), 0);
    wroteAt -= 2_000;
    assert.equal(await collectGarbage(uploads, { grace: 60_000 }), 1);
    assert.deepEqual(await collect(blobs.list()), []);
  });

  it('keeps bytes that no row explains until it has known of them for long, also if it looks again and again', async () => {
    await using room = await openRoom();
    await begin(room);
    await room.uploads.db.deleteFrom('upload_sessions').execute();
    const told: number[] = [];
    const rules = { grace: -3_600_000, retention: 7 * DAY, onFound: (count: number) => told.push(count) };
    const search = new OrphanScan(room.uploads, rules);
    for (const days of [0, 3, 3.9]) {
      room.clock.advance(days * DAY);
      assert.equal(await search.run(), 0);
    }
    assert.equal((await collect(room.uploads.blobs.list())).length, 1);
    assert.deepEqual(told, [1]);
    room.clock.advance(0.2 * DAY);
    assert.equal(await search.run(), 1);
    assert.deepEqual(await collect(room.uploads.blobs.list()), []);
    assert.deepEqual(await room.uploads.db.selectFrom('orphaned_blobs').selectAll().execute(), []);
  });

  it('forgets what it knew of bytes that have their row again, and never removes them', async () => {
    await using room = await openRoom();
    const upload = await begin(room);
    await putAll(room, upload);
    const { db } = room.uploads;
    const row = await db.selectFrom('upload_sessions').selectAll().executeTakeFirstOrThrow();
    const parts = await db.selectFrom('parts').selectAll().execute();
    await db.deleteFrom('upload_sessions').execute();
    const search = new OrphanScan(room.uploads, { grace: -3_600_000, retention: DAY });
    await search.run();
    assert.equal((await db.selectFrom('orphaned_blobs').selectAll().execute()).length, 1);
    await db
      .insertInto('upload_sessions')
      .values({ ...row, expires_at: room.clock.now() + 9 * DAY })
      .execute();
    await db.insertInto('parts').values(parts).execute();
    room.clock.advance(2 * DAY);
    assert.equal(await search.run(), 0);
    assert.deepEqual(await db.selectFrom('orphaned_blobs').selectAll().execute(), []);
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });

  it('removes what a crash left before the session had its row, once its grace is over', async () => {
    const plan: Fault<BlobStore>[] = [{ method: 'create', when: 'after', call: 1, fail: new Error('died here') }];
    await using room = await openRoom({ plan });
    await assert.rejects(begin(room), /died here/);
    const upload = await begin(room);
    await putAll(room, upload);
    assert.equal(await collectGarbage(room.uploads, { grace: 60_000 }), 0);
    room.clock.advance(120_000);
    assert.equal(await collectGarbage(room.uploads, { grace: 60_000 }), 1);
    room.clock.advance(-120_000);
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });
});

describe('expiry', () => {
  it('never touches a finished file, however long ago it was uploaded', async () => {
    await using room = await openRoom();
    const upload = await begin(room);
    await putAll(room, upload);
    const file = await commitOf(room, upload);
    for (let lifetimes = 0; lifetimes < 4; lifetimes++) {
      room.clock.advance(LIFETIME);
      assert.equal(await expireSessions(room.uploads), 0);
      await removeOrphansNow(room);
      await assertOnlyFile(room, upload, file);
    }
    assert.equal(await findSession(room.uploads.db, upload.session.id), undefined);
  });

  it('of a session whose bytes a version names would leave them, whatever the session says', async () => {
    await using room = await openRoom();
    const upload = await begin(room);
    await putAll(room, upload);
    const file = await commitOf(room, upload);
    // As no order of events should leave it.
    await room.uploads.db.updateTable('upload_sessions').set({ state: 'open' }).execute();
    room.clock.advance(LIFETIME);
    assert.equal(await expireSessions(room.uploads), 1);
    await assertOnlyFile(room, upload, file);
  });

  it('ends every session past its time, more than a batch of them, and no other', async () => {
    await using room = await openRoom();
    const late = [];
    for (let n = 0; n < 105; n++) late.push(await begin(room, { slots: 1 }));
    room.clock.advance(LIFETIME - 1);
    const young = await begin(room);
    assert.equal(await expireSessions(room.uploads), 0);
    room.clock.advance(1);
    assert.equal(await expireSessions(room.uploads), late.length);
    const left = await collect(room.uploads.blobs.list());
    assert.deepEqual(
      left.map(({ blob }) => blob),
      [young.session.staged.blob],
    );
    await putAll(room, young);
    await assertOnlyFile(room, young, await commitOf(room, young));
  });

  it('is told to clients for another lifetime; then the session is forgotten', async () => {
    await using room = await openRoom();
    const upload = await begin(room);
    room.clock.advance(LIFETIME);
    await assert.rejects(put(room, upload, 0), { code: 'session_expired' });
    await expireSessions(room.uploads);
    await assert.rejects(put(room, upload, 0), { code: 'session_expired' });
    room.clock.advance(LIFETIME);
    await expireSessions(room.uploads);
    await assert.rejects(put(room, upload, 0), { code: 'upload_session_not_found' });
  });
});

async function sweep(room: Room): Promise<number> {
  return (await expireSessions(room.uploads)) + (await removeOrphansNow(room));
}
