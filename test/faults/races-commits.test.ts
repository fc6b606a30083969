import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { findSession } from '../../packages/server/src/uploads/session-store.ts';
import {
  assertOnlyFile,
  begin,
  commitOf,
  published,
  putAll,
  removeOrphansNow,
  sha1,
  tryCommit,
  type Upload,
} from '../uploads/acts.ts';
import { openRoom, type Room } from '../uploads/room.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import type { Fault } from './faulty.ts';

describe('two commits of one upload', () => {
  it('at once make one file of one version, and both get it', async () => {
    await using room = await openRoom();
    const upload = await begin(room);
    await putAll(room, upload);
    const [file, ...others] = await Promise.all([1, 2, 3, 4].map(() => commitOf(room, upload)));
    assert.ok(file);
    for (const other of others) assert.partialDeepStrictEqual(other, ids(file));
    await assertOnlyFile(room, upload, file);
  });

  it('at once on two nodes make one file of one version, and both get it', async () => {
    await using room = await openRoom();
    const other = await room.another();
    const upload = await begin(room);
    await putAll(room, upload);
    const [file, same] = await Promise.all([commitOf(room, upload), commitOf(other, upload)]);
    assert.deepEqual(ids(same), ids(file));
    await assertOnlyFile(room, upload, file);
  });

  for (const when of ['before', 'after'] as const) {
    it(`make one file where another node does all of it ${when} this one has sealed`, async () => {
      const plan: Fault<BlobStore>[] = [];
      await using room = await openRoom({ plan });
      const other = await room.another();
      const upload = await begin(room);
      await putAll(room, upload);
      plan.push({ method: 'complete', when, hook: () => commitOf(other, upload) });
      const file = await commitOf(room, upload);
      await removeOrphansNow(room);
      await assertOnlyFile(room, upload, file);
    });
  }

  it('of which the second has another digest: it is refused, and the file stands', async () => {
    await using room = await openRoom();
    const upload = await begin(room);
    await putAll(room, upload);
    const file = await commitOf(room, upload);
    const second = tryCommit(room, upload, { sha1: sha1(Buffer.of(1)) });
    await assert.rejects(second, { code: 'digest_mismatch' });
    await assertOnlyFile(room, upload, file);
  });
});

describe('two uploads of one name', () => {
  it('committed at once: one is the file, the other is told so and is committed once the name is free', async () => {
    await using room = await openRoom();
    const uploads = [await begin(room, { name: 'one name' }), await begin(room, { name: 'ONE name' })] as const;
    await Promise.all(uploads.map((upload) => putAll(room, upload)));
    const results = await Promise.allSettled(uploads.map((upload) => commitOf(room, upload)));
    const won = uploads[results.findIndex(({ status }) => status === 'fulfilled')] ?? assert.fail();
    await assertLoserCommitsLater(room, won, won === uploads[0] ? uploads[1] : uploads[0], results);
  });

  it('of which the other gets the name between the seal and the publishing of this one: the same', async () => {
    const plan: Fault<BlobStore>[] = [];
    await using room = await openRoom({ plan });
    const [slow, quick] = [await begin(room, { name: 'one name' }), await begin(room, { name: 'one name' })];
    await putAll(room, slow);
    await putAll(room, quick);
    plan.push({ method: 'complete', when: 'after', call: 1, hook: () => commitOf(room, quick) });
    const results = await Promise.allSettled([commitOf(room, slow)]);
    await assertLoserCommitsLater(room, quick, slow, results);
  });
});

describe('a commit that failed', () => {
  it('for a wrong digest of the whole leaves the session open, and the right one commits it', async () => {
    await using room = await openRoom();
    const upload = await begin(room);
    await putAll(room, upload);
    const wrong = tryCommit(room, upload, { sha1: sha1(Buffer.of(1)) });
    await assert.rejects(wrong, { code: 'digest_mismatch' });
    assert.equal((await findSession(room.uploads.db, upload.session.id))?.state, 'open');
    await assertOnlyFile(room, upload, await commitOf(room, upload));
  });

  for (const when of ['before', 'after'] as const) {
    it(`${when} the bytes were sealed is done again and makes the file`, async () => {
      const plan: Fault<BlobStore>[] = [{ method: 'complete', when, call: 1, fail: new Error('the disk is away') }];
      await using room = await openRoom({ plan });
      const upload = await begin(room);
      await putAll(room, upload);
      await assert.rejects(tryCommit(room, upload), /the disk is away/);
      await removeOrphansNow(room);
      await assertOnlyFile(room, upload, await commitOf(room, upload));
    });
  }

  for (const query of ['insert items', 'insert versions', 'update upload_sessions'] as const) {
    it(`at "${query}", its bytes sealed, is done again and makes the file, also after a restart`, async () => {
      for (const restart of [false, true]) {
        await using first = await openRoom();
        const upload = await begin(first);
        await putAll(first, upload);
        const { db } = first.uploads;
        first.uploads.db = watchQueries(db, {
          before: (next) => {
            if (next === query) throw new Error('the database is away');
          },
        });
        await assert.rejects(tryCommit(first, upload), /the database is away/);
        first.uploads.db = db;
        assert.deepEqual(await published(first), []);
        await removeOrphansNow(first);
        if (restart) {
          await using room = await first.restarted();
          await assertOnlyFile(room, upload, await commitOf(room, upload));
        } else {
          await assertOnlyFile(first, upload, await commitOf(first, upload));
        }
      }
    });
  }
});

async function assertLoserCommitsLater(
  room: Room,
  winner: Upload,
  loser: Upload,
  results: PromiseSettledResult<unknown>[],
): Promise<void> {
  const { db } = room.uploads;
  const lost = results.find((result) => result.status === 'rejected')?.reason;
  const [file, ...more] = await published(room);
  assert.deepEqual(more, []);
  assert.deepEqual(file?.bytes, winner.bytes);
  assert.equal(lost?.code, 'item_name_in_use');
  assert.equal(lost?.context.conflicts.id, String(file?.file.fileId));
  assert.equal((await findSession(db, loser.session.id))?.state, 'open');
  await removeOrphansNow(room);

  await db.updateTable('items').set({ trashed_at: 1 }).where('kind', '=', 'file').execute();
  const made = await commitOf(room, loser);
  const files = await published(room);
  assert.equal(files.length, 2);
  assert.deepEqual(files.find(({ file }) => file.fileId === made.fileId)?.bytes, loser.bytes);
}

function ids({ fileId, versionId }: { fileId: number; versionId: number }) {
  return { fileId, versionId };
}
