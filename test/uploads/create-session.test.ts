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
import { collect } from '../conformance/blob-samples.ts';
import type { Fault } from '../faults/faulty.ts';
import { openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import { collectGarbageNow, commitUpload, createUpload, sendAllParts } from './upload-steps.ts';
import { watchQueries } from './watch-queries.ts';

const SIZE = 1_000;

describe('a new upload session', () => {
  it('is created for the smallest to the largest file size, and for no other', async () => {
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

  it("is not created beyond its user's quota, which it can use up entirely", async () => {
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

  it('has its lifetime from its creation, and a unique ID', async () => {
    await using fixture = await openUploadFixture();
    const { uploads, clock } = fixture;
    const [one, other] = [await createUpload(fixture), await createUpload(fixture)];
    assert.match(one.session.id, /^[0-9A-F]{32}$/);
    assert.notEqual(one.session.id, other.session.id);
    assert.equal(one.session.expiresAt, clock.now() + uploads.limits.sessionLifetime);
    assert.deepEqual(await findSession(uploads.db, one.session.id), one.session);
  });

  it('for a new file needs a valid name that is free, in a folder of its user', async () => {
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

  it("for a new version needs an active file of its user, and a valid name that is free or the file's own", async () => {
    await using fixture = await openUploadFixture();
    const { uploads, owner } = fixture;
    const files: ItemId[] = [];
    for (const name of ['one', 'other', 'trashed']) {
      const upload = await createUpload(fixture, { name });
      await sendAllParts(fixture, upload);
      files.push((await commitUpload(fixture, upload)).fileId);
    }
    const [one, , trashed] = files as [ItemId, ItemId, ItemId];
    await trashFile(createFileContext(fixture), { caller: owner.id, fileId: trashed, ifMatch: undefined });
    const stranger = await addUser(uploads.db, { login: 'other@partway.test', name: 'O', now: 1 });
    const createVersionSession = (fileId: ItemId, name?: string, caller: UserId = owner.id) =>
      createSession(uploads, { caller, fileSize: SIZE, fileId, name });
    await assert.rejects(createVersionSession(trashed), { code: 'trashed' });
    await assert.rejects(createVersionSession(1 as ItemId), { code: 'not-found' });
    await assert.rejects(createVersionSession(owner.root_id), { code: 'not-found' });
    await assert.rejects(createVersionSession(one, undefined, stranger.id), { code: 'not-found' });
    await assert.rejects(createVersionSession(one, 'a/b'), { code: 'name-invalid' });
    await assert.rejects(createVersionSession(one, 'other'), { code: 'name-in-use' });
    for (const name of [undefined, 'one', 'free', 'trashed']) {
      const { target } = await createVersionSession(one, name);
      assert.deepEqual(target, { kind: 'version', folderId: owner.root_id, fileId: one, name });
    }
  });

  it('leaves no row if the store rejects it, and leaves what garbage collection needs if the store fails', async () => {
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

  it('whose row cannot be written leaves neither bytes nor rows, even if its bytes cannot be deleted immediately', async () => {
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

  it('exists with its bytes if its row was written and only the response was lost', async () => {
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

function createFileContext({ uploads }: UploadFixture) {
  return {
    ...uploads,
    trashRetention: { period: undefined, since: 0 },
    treeBatches: new SerialQueue(),
    maxFileSize: uploads.limits.maxFileSize,
    userQuota: undefined,
  };
}
