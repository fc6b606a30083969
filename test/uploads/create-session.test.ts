import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ItemId, UserId } from '../../packages/protocol/src/ids.ts';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { trashFile } from '../../packages/server/src/files/trash.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { StorageError } from '../../packages/server/src/storage/errors.ts';
import { checkUploadLimits, createSession } from '../../packages/server/src/uploads/create-session.ts';
import { findSession } from '../../packages/server/src/uploads/session-store.ts';
import { SerialQueue } from '../../packages/server/src/util/keyed-queue.ts';
import { collect } from '../conformance/content-samples.ts';
import type { Fault } from '../faults/faulty.ts';
import { openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import { collectGarbageNow, commitUpload, createUpload, sendAllParts } from './upload-steps.ts';
import { watchQueries } from './watch-queries.ts';

const SIZE = 1_000;

describe('a new upload session', () => {
  it('is for a file of the smallest to the largest size, and of no other', async () => {
    await using fixture = await openUploadFixture();
    const { uploads, owner } = fixture;
    uploads.limits = { ...uploads.limits, minFileSize: 10, maxFileSize: 20 };
    for (const [fileSize, code] of [
      [9, 'file-too-small'],
      [10, undefined],
      [20, undefined],
      [21, 'file-too-large'],
    ] as const) {
      const upload = { caller: owner.id, fileSize, folderId: owner.root_id, name: `${fileSize}` };
      const trials = [() => checkUploadLimits(uploads, upload), () => createSession(uploads, upload)];
      for (const trial of trials) {
        if (code === undefined) await trial();
        else await assert.rejects(trial(), { code });
      }
    }
  });

  it('is not made beyond the quota of its user, of which it may be all', async () => {
    await using fixture = await openUploadFixture();
    const { uploads, owner } = fixture;
    uploads.limits = { ...uploads.limits, userQuota: SIZE };
    const upload = { caller: owner.id, folderId: owner.root_id, name: 'file' };
    for (const fileSize of [SIZE + 1, SIZE]) {
      const trials = [
        () => checkUploadLimits(uploads, { ...upload, fileSize }),
        () => createSession(uploads, { ...upload, fileSize }),
      ];
      for (const trial of trials) {
        if (fileSize > SIZE) await assert.rejects(trial(), { code: 'quota-exceeded' });
        else await trial();
      }
    }
  });

  it('has its lifetime from the moment it is made, and an ID of its own', async () => {
    await using fixture = await openUploadFixture();
    const { uploads, clock } = fixture;
    const [one, other] = [await createUpload(fixture), await createUpload(fixture)];
    assert.match(one.session.id, /^[0-9A-F]{32}$/);
    assert.notEqual(one.session.id, other.session.id);
    assert.equal(one.session.expiresAt, clock.now() + uploads.limits.sessionLifetime);
    assert.deepEqual(await findSession(uploads.db, one.session.id), one.session);
  });

  it('for a new file needs a name that is valid and free, in a folder of its user', async () => {
    await using fixture = await openUploadFixture();
    const { uploads, owner } = fixture;
    const taken = await createUpload(fixture, { name: 'taken' });
    await sendAllParts(fixture, taken);
    await commitUpload(fixture, taken);
    const other = await addUser(uploads.db, { login: 'other@partway.test', name: 'O', now: 1 });
    for (const [folderId, name, code] of [
      [owner.root_id, 'a/b', 'name-invalid'],
      [owner.root_id, 'taken', 'name-in-use'],
      [other.root_id, 'file', 'parent-not-found'],
      [1 as ItemId, 'file', 'parent-not-found'],
    ] as const) {
      const creating = createSession(uploads, { caller: owner.id, fileSize: SIZE, folderId, name });
      await assert.rejects(creating, { code }, name);
    }
    assert.equal(await countBlobRows(fixture), 0);
  });

  it('for a new version needs a file of its user that is in use, and a name that is valid and free, or its own', async () => {
    await using fixture = await openUploadFixture();
    const { uploads, owner } = fixture;
    const files: ItemId[] = [];
    for (const name of ['one', 'other', 'trashed']) {
      const upload = await createUpload(fixture, { name });
      await sendAllParts(fixture, upload);
      files.push((await commitUpload(fixture, upload)).fileId);
    }
    const [one, , trashed] = files as [ItemId, ItemId, ItemId];
    await trashFile(filesOf(fixture), { caller: owner.id, fileId: trashed, ifMatch: undefined });
    const stranger = await addUser(uploads.db, { login: 'other@partway.test', name: 'O', now: 1 });
    const versionOf = (fileId: ItemId, name?: string, caller: UserId = owner.id) =>
      createSession(uploads, { caller, fileSize: SIZE, fileId, name });
    await assert.rejects(versionOf(trashed), { code: 'trashed' });
    await assert.rejects(versionOf(1 as ItemId), { code: 'not-found' });
    await assert.rejects(versionOf(owner.root_id), { code: 'not-found' });
    await assert.rejects(versionOf(one, undefined, stranger.id), { code: 'not-found' });
    await assert.rejects(versionOf(one, 'a/b'), { code: 'name-invalid' });
    await assert.rejects(versionOf(one, 'other'), { code: 'name-in-use' });
    for (const name of [undefined, 'one', 'free', 'trashed']) {
      const { target } = await versionOf(one, name);
      assert.deepEqual(target, { kind: 'version', folderId: owner.root_id, fileId: one, name });
    }
  });

  it('that the store refuses leaves no row; one whose store fails leaves what the garbage collection needs', async () => {
    const full = new StorageError('storage-full', 'full');
    const broken = new Error('the disk is away');
    for (const [error, rows] of [
      [full, 0],
      [broken, 1],
    ] as const) {
      const plan: Fault<BlobStore>[] = [{ method: 'create', when: 'before', fail: error }];
      await using fixture = await openUploadFixture({ plan });
      await assert.rejects(createUpload(fixture), (thrown) => thrown === error);
      assert.equal(await countBlobRows(fixture), rows);
      fixture.clock.advance(24 * 3_600_000);
      await collectGarbageNow(fixture);
      assert.equal(await countBlobRows(fixture), 0);
    }
  });

  it('whose row cannot be written leaves neither bytes nor rows, also if its bytes cannot be removed at once', async () => {
    const plan: Fault<BlobStore>[] = [];
    await using fixture = await openUploadFixture({ plan });
    const { uploads } = fixture;
    const { db } = uploads;
    uploads.db = watchQueries(db, {
      before: (query) => {
        if (query === 'insert upload_sessions') throw new Error('the database is away');
      },
    });
    await assert.rejects(createUpload(fixture), /the database is away/);
    assert.deepEqual(await collect(uploads.blobs.list()), []);
    assert.equal(await countBlobRows(fixture), 0);

    plan.push({ method: 'remove', when: 'before', fail: new Error('the disk is away') });
    const failed = await openUploadFixture({ plan });
    failed.uploads.db = watchQueries(failed.uploads.db, {
      before: (query) => {
        if (query === 'insert upload_sessions') throw new Error('the database is away');
      },
    });
    await assert.rejects(createUpload(failed), /the database is away/);
    plan.length = 0;
    failed.clock.advance(24 * 3_600_000);
    await collectGarbageNow(failed);
    assert.deepEqual(await collect(failed.uploads.blobs.list()), []);
    assert.equal(await countBlobRows(failed), 0);
    await failed[Symbol.asyncDispose]();
  });

  it('is there if its row was written and only the word of it was lost, with its bytes', async () => {
    await using fixture = await openUploadFixture();
    const { uploads } = fixture;
    const { db } = uploads;
    uploads.db = new Proxy(db, {
      get(target, name) {
        if (name !== 'transaction') {
          const value = Reflect.get(target, name) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        }
        return () => ({
          async execute(work: Parameters<ReturnType<typeof db.transaction>['execute']>[0]) {
            await db.transaction().execute(work);
            throw new Error('the connection was lost');
          },
        });
      },
    });
    const upload = await createUpload(fixture);
    uploads.db = db;
    await sendAllParts(fixture, upload);
    await commitUpload(fixture, upload);
  });
});

async function countBlobRows({ uploads }: UploadFixture): Promise<number> {
  return (await uploads.db.selectFrom('unreferenced_blobs').select('blob_id').execute()).length;
}

function filesOf({ uploads }: UploadFixture) {
  return { ...uploads, treeBatches: new SerialQueue(), maxFileSize: uploads.limits.maxFileSize, userQuota: undefined };
}
