import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { findSession } from '../../packages/server/src/uploads/session-store.ts';
import { openUploadFixture, type UploadFixture } from '../uploads/upload-fixture.ts';
import {
  assertOnlyFile,
  collectGarbageNow,
  commitUpload,
  createUpload,
  listVersions,
  sendAllParts,
  sha1,
  tryCommit,
  type Upload,
} from '../uploads/upload-steps.ts';
import { watchQueries } from '../uploads/watch-queries.ts';
import type { Fault } from './faulty.ts';

describe('two commits of one upload', () => {
  it('in parallel create one file with one version, and both get it', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const [file, ...others] = await Promise.all([1, 2, 3, 4].map(() => commitUpload(fixture, upload)));
    assert.ok(file);
    for (const other of others) assert.partialDeepStrictEqual(other, getIds(file));
    await assertOnlyFile(fixture, upload, file);
  });

  it('in parallel on two nodes create one file with one version, and both get it', async () => {
    await using fixture = await openUploadFixture();
    const other = await fixture.openAnother();
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const [file, same] = await Promise.all([commitUpload(fixture, upload), commitUpload(other, upload)]);
    assert.deepEqual(getIds(same), getIds(file));
    await assertOnlyFile(fixture, upload, file);
  });

  for (const when of ['before', 'after'] as const) {
    it(`create one file if another node does all of it ${when} this one has completed the blob`, async () => {
      const plan: Fault<BlobStore>[] = [];
      await using fixture = await openUploadFixture({ plan });
      const other = await fixture.openAnother();
      const upload = await createUpload(fixture);
      await sendAllParts(fixture, upload);
      plan.push({ method: 'complete', when, hook: () => commitUpload(other, upload) });
      const file = await commitUpload(fixture, upload);
      await collectGarbageNow(fixture);
      await assertOnlyFile(fixture, upload, file);
    });
  }

  it('with different digests: the second is rejected, and the file is kept', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const file = await commitUpload(fixture, upload);
    const second = tryCommit(fixture, upload, { sha1: sha1(Buffer.of(1)) });
    await assert.rejects(second, { code: 'digest-mismatch' });
    await assertOnlyFile(fixture, upload, file);
  });
});

describe('two uploads for one name', () => {
  it('committed in parallel: one becomes the file, the other is rejected and can be committed when the name is free', async () => {
    await using fixture = await openUploadFixture();
    const uploads = [
      await createUpload(fixture, { name: 'one name' }),
      await createUpload(fixture, { name: 'ONE name' }),
    ] as const;
    await Promise.all(uploads.map((upload) => sendAllParts(fixture, upload)));
    const results = await Promise.allSettled(uploads.map((upload) => commitUpload(fixture, upload)));
    const won = uploads[results.findIndex(({ status }) => status === 'fulfilled')] ?? assert.fail();
    await assertLoserCommitsLater(fixture, won, won === uploads[0] ? uploads[1] : uploads[0], results);
  });

  it('with the name taken after the blob of the first was completed: the same', async () => {
    const plan: Fault<BlobStore>[] = [];
    await using fixture = await openUploadFixture({ plan });
    const [slow, quick] = [
      await createUpload(fixture, { name: 'one name' }),
      await createUpload(fixture, { name: 'one name' }),
    ];
    await sendAllParts(fixture, slow);
    await sendAllParts(fixture, quick);
    plan.push({ method: 'complete', when: 'after', call: 1, hook: () => commitUpload(fixture, quick) });
    const results = await Promise.allSettled([commitUpload(fixture, slow)]);
    await assertLoserCommitsLater(fixture, quick, slow, results);
  });
});

describe('a failed commit', () => {
  it('with a wrong whole-file digest leaves the session open, and the correct one commits it', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const wrong = tryCommit(fixture, upload, { sha1: sha1(Buffer.of(1)) });
    await assert.rejects(wrong, { code: 'digest-mismatch' });
    assert.equal((await findSession(fixture.uploads.db, upload.session.id))?.state, 'open');
    await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
  });

  for (const when of ['before', 'after'] as const) {
    it(`${when} the bytes were complete can be repeated and creates the file`, async () => {
      const plan: Fault<BlobStore>[] = [{ method: 'complete', when, call: 1, fail: new Error('the disk is away') }];
      await using fixture = await openUploadFixture({ plan });
      const upload = await createUpload(fixture);
      await sendAllParts(fixture, upload);
      await assert.rejects(tryCommit(fixture, upload), /the disk is away/);
      await collectGarbageNow(fixture);
      await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
    });
  }

  for (const query of ['insert items', 'insert versions', 'update upload_sessions'] as const) {
    it(`at "${query}", with complete bytes, can be repeated and creates the file, also after a restart`, async () => {
      for (const restart of [false, true]) {
        await using first = await openUploadFixture();
        const upload = await createUpload(first);
        await sendAllParts(first, upload);
        const { db } = first.uploads;
        first.uploads.db = watchQueries(db, {
          before: (next) => {
            if (next === query) throw new Error('the database is away');
          },
        });
        await assert.rejects(tryCommit(first, upload), /the database is away/);
        first.uploads.db = db;
        assert.deepEqual(await listVersions(first), []);
        await collectGarbageNow(first);
        if (restart) {
          await using fixture = await first.restart();
          await assertOnlyFile(fixture, upload, await commitUpload(fixture, upload));
        } else {
          await assertOnlyFile(first, upload, await commitUpload(first, upload));
        }
      }
    });
  }
});

async function assertLoserCommitsLater(
  fixture: UploadFixture,
  winner: Upload,
  loser: Upload,
  results: PromiseSettledResult<unknown>[],
): Promise<void> {
  const { db } = fixture.uploads;
  const lost = results.find((result) => result.status === 'rejected')?.reason;
  const [file, ...more] = await listVersions(fixture);
  assert.deepEqual(more, []);
  assert.deepEqual(file?.bytes, winner.bytes);
  assert.equal(lost?.code, 'name-in-use');
  assert.equal(lost?.context.conflicts.id, String(file?.file.fileId));
  assert.equal((await findSession(db, loser.session.id))?.state, 'open');
  await collectGarbageNow(fixture);

  await db.updateTable('items').set({ trashed_at: 1 }).where('kind', '=', 'file').execute();
  const made = await commitUpload(fixture, loser);
  const files = await listVersions(fixture);
  assert.equal(files.length, 2);
  assert.deepEqual(files.find(({ file }) => file.fileId === made.fileId)?.bytes, loser.bytes);
}

function getIds({ fileId, versionId }: { fileId: number; versionId: number }) {
  return { fileId, versionId };
}
