import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlobId } from '../../packages/protocol/src/ids.ts';
import { recordBlob } from '../../packages/server/src/files/blobs.ts';
import { type BlobStore, newBlobId } from '../../packages/server/src/storage/blob-store.ts';
import {
  deleteUnreferenced,
  discardBlobsOfEndedProcesses,
} from '../../packages/server/src/uploads/delete-unreferenced.ts';
import type { Fault } from '../faults/faulty.ts';
import { openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import { commitUpload, createUpload, sendAllParts } from './upload-steps.ts';
import { watchQueries } from './watch-queries.ts';

const HOUR = 3_600_000;
const LEASE = 15 * 60_000;

describe('unreferenced blobs', () => {
  for (const [grace, limit] of [
    [60_000, 60_000],
    [HOUR, LEASE],
  ] as const) {
    it(`are deleted after ${limit / 1000} s without activity of their writer if the grace period is ${grace / 1000} s`, async () => {
      await using fixture = await openUploadFixture();
      const [silent, alive] = [await recordStagedBlob(fixture), await recordStagedBlob(fixture, 1)];
      fixture.clock.advance(limit);
      assert.equal(await deleteUnreferenced(fixture.uploads, { grace }), 1);
      assert.deepEqual(await listRecorded(fixture), [alive]);
      assert.ok(!(await listRecorded(fixture)).includes(silent));
    });
  }

  it('that this process is writing are kept, however long it has been inactive', async () => {
    await using fixture = await openUploadFixture();
    const blob = await recordStagedBlob(fixture);
    fixture.clock.advance(HOUR);
    {
      using _tracked = fixture.uploads.inFlight.track(blob);
      assert.equal(await deleteUnreferenced(fixture.uploads, { grace: 0 }), 0);
    }
    assert.equal(await deleteUnreferenced(fixture.uploads, { grace: 0 }), 1);
  });

  it('that are complete are kept, because a newer database may reference them', async () => {
    await using fixture = await openUploadFixture();
    const [blob, stagedBlob] = [newBlobId(), newBlobId()];
    for (const id of [blob, stagedBlob]) await recordStagedBlob(fixture, 0, id);
    const { blobs } = fixture.uploads;
    await blobs.put(blob, body());
    const staged = await blobs.create(stagedBlob, { fileSize: 5, partSize: 5, partCount: 1 });
    assert.equal(await deleteUnreferenced(fixture.uploads, { grace: 0 }), 1);
    assert.deepEqual(await listRecorded(fixture), []);
    assert.equal(await blobs.isComplete(blob), true);
    assert.equal(await blobs.exists(staged), false);
  });

  it('are deleted in batches of a hundred until none are left', async () => {
    const removed: unknown[] = [];
    const plan: Fault<BlobStore>[] = [{ method: 'remove', when: 'before', hook: (blob) => removed.push(blob) }];
    await using fixture = await openUploadFixture({ plan });
    const ids = Array.from({ length: 250 }, newBlobId);
    await markForDeletion(fixture, ids);
    let pages = 0;
    const db = watchQueries(fixture.uploads.db, {
      before: (query) => {
        if (query === 'delete unreferenced_blobs') pages += 1;
      },
    });
    assert.equal(await deleteUnreferenced({ ...fixture.uploads, db }, { grace: 0 }), 250);
    assert.deepEqual(new Set(removed), new Set(ids));
    assert.equal(removed.length, 250);
    assert.equal(pages, 3);
    assert.deepEqual(await listRecorded(fixture), []);
  });

  it('are all attempted even if one fails; that one is retried, and the first error is reported', async () => {
    const failing = newBlobId();
    const failures: Error[] = [];
    await using fixture = await openUploadFixture();
    const { blobs } = fixture.uploads;
    const remove: BlobStore['remove'] = async (target) => {
      if (target !== failing && target !== other) return blobs.remove(target);
      failures.push(new Error(`cannot be deleted: ${target}`));
      throw failures.at(-1);
    };
    const other = newBlobId();
    await markForDeletion(fixture, [failing, other, newBlobId(), newBlobId()]);
    const deleting = deleteUnreferenced({ ...fixture.uploads, blobs: { ...blobs, remove } }, { grace: 0 });
    await assert.rejects(deleting, (error) => error === failures[0]);
    assert.equal(failures.length, 2);
    assert.deepEqual((await listRecorded(fixture)).toSorted(), [failing, other].toSorted());
    assert.equal(await deleteUnreferenced(fixture.uploads, { grace: 0 }), 2);
  });

  it('are unmarked and kept if a version references them after all, unless it is deleted at the same moment', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    await commitUpload(fixture, upload);
    const { blob } = upload.session.staged;
    await markForDeletion(fixture, [blob]);
    // Marked again since it was read.
    const db = watchQueries(fixture.uploads.db, {
      after: async (query) => {
        if (query !== 'select versions') return;
        await fixture.uploads.db.updateTable('unreferenced_blobs').set({ touched_at: 7 }).execute();
      },
    });
    assert.equal(await deleteUnreferenced({ ...fixture.uploads, db }, { grace: 0 }), 0);
    assert.deepEqual(await listRecorded(fixture), [blob]);
    assert.equal(await deleteUnreferenced(fixture.uploads, { grace: 0 }), 0);
    assert.deepEqual(await listRecorded(fixture), []);
    assert.equal(await fixture.uploads.blobs.isComplete(blob), true);
  });

  it('of a server that ended while it was writing them release their reserved space at its next start', async () => {
    await using fixture = await openUploadFixture();
    const blob = newBlobId();
    const { db } = fixture.uploads;
    await recordBlob(db, { blob, owner: fixture.owner.id, reserve: 1_000 }, fixture.clock.now() + HOUR);
    const reserved = async () => (await db.selectFrom('users').selectAll().executeTakeFirstOrThrow()).space_reserved;
    assert.equal(await reserved(), 1_000);
    await discardBlobsOfEndedProcesses(fixture.uploads);
    assert.equal(await reserved(), 0);
    assert.equal(await deleteUnreferenced(fixture.uploads, { grace: HOUR }), 1);
  });
});

/** Records a blob being written, whose writer was last active this many milliseconds from now. */
async function recordStagedBlob(
  { uploads, owner, clock }: UploadFixture,
  later = 0,
  blob = newBlobId(),
): Promise<BlobId> {
  await recordBlob(uploads.db, { blob, owner: owner.id }, clock.now() + later);
  return blob;
}

async function markForDeletion({ uploads }: UploadFixture, ids: readonly BlobId[]): Promise<void> {
  const rows = ids.map((id) => ({ blob_id: id, owner_id: null, touched_at: 0, deleting: 1 as const }));
  await uploads.db.insertInto('unreferenced_blobs').values(rows).execute();
}

async function listRecorded({ uploads }: UploadFixture): Promise<BlobId[]> {
  const rows = await uploads.db.selectFrom('unreferenced_blobs').select('blob_id').execute();
  return rows.map(({ blob_id: blob }) => blob);
}

async function* body(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(5);
}
