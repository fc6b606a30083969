import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Sha1 } from '../../packages/protocol/src/ids.ts';
import { storeBody, uploadFile, uploadVersion } from '../../packages/server/src/files/direct-upload.ts';
import { describeFile } from '../../packages/server/src/files/find.ts';
import { trashFolder } from '../../packages/server/src/files/trash.ts';
import type { BlobStore } from '../../packages/server/src/storage/blob-store.ts';
import { collect } from '../conformance/blob-samples.ts';
import type { Fault } from '../faults/faulty.ts';
import { chunks, createBody, errorWithCode, openFilesFixture } from './files-fixture.ts';

const computeSha1 = (text: string) => createHash('sha1').update(text).digest('hex') as Sha1;

test('a file has the bytes, the digest and the dates of its upload', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const { fileId } = await uploadFile(
    files,
    { folderId: owner.root_id, name: 'a.txt', description: 'the first' },
    { ...createBody(owner, chunks('one ', 'two')), contentCreatedAt: 5_000, contentModifiedAt: 6_000 },
  );

  const entry = await describeFile(files.db, fileId);

  assert.ok(entry);
  assert.equal(entry.version.size, 7);
  assert.equal(entry.version.sha1, computeSha1('one two'));
  assert.equal(entry.item.description, 'the first');
  assert.deepEqual([entry.item.content_created_at, entry.item.content_modified_at], [5_000, 6_000]);
  const bytes = await collect(await files.blobs.read(entry.version.blob_id));
  assert.equal(Buffer.concat(bytes).toString(), 'one two');
});

test('if two uploads have the same name, the first to finish gets it, and the bytes of the other are deleted', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const gate = Promise.withResolvers<void>();
  async function* slowly(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('slow');
    await gate.promise;
  }
  const slow = uploadFile(files, { folderId: owner.root_id, name: 'A.txt' }, createBody(owner, slowly()));
  const { fileId } = await fixture.file('a.txt', { text: 'quick' });
  gate.resolve();

  await assert.rejects(slow, (error: unknown) => {
    assert.ok(errorWithCode('name-in-use')(error));
    const { conflicts } = (error as { context: { conflicts: Record<string, unknown> } }).context;
    assert.deepEqual([conflicts.id, conflicts.sha1], [String(fileId), computeSha1('quick')]);
    return true;
  });
  assert.equal((await fixture.listBlobs()).length, 1);
});

test('an upload that breaks off, is too large or does not match its digest leaves nothing', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const place = { folderId: owner.root_id, name: 'a.txt' };
  const cut = new Error('the line was cut');
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    throw cut;
  }

  await assert.rejects(uploadFile(files, place, createBody(owner, broken())), (error) => error === cut);
  await assert.rejects(
    uploadFile(files, place, createBody(owner, 'x'.repeat(files.maxFileSize + 1))),
    errorWithCode('file-too-large'),
  );
  await assert.rejects(
    uploadFile(files, place, { ...createBody(owner, 'right'), sha1: computeSha1('wrong') }),
    errorWithCode('announced-digest-mismatch'),
  );

  assert.deepEqual(await fixture.listBlobs(), []);
  await fixture.file('a.txt');
});

test('no file is created if the disk fails', async () => {
  const plan: Fault<BlobStore>[] = [{ method: 'put', when: 'after', fail: new Error('the disk is gone') }];
  await using fixture = await openFilesFixture(plan);

  await assert.rejects(fixture.file('a.txt'), /the disk is gone/);

  const { items } = await fixture.files.db
    .selectFrom('items')
    .select(({ fn }) => fn.countAll().as('items'))
    .where('kind', '=', 'file')
    .executeTakeFirstOrThrow();
  assert.equal(items, 0);
});

test('bytes are kept for a later garbage collection if it is unknown whether their row was written', async () => {
  await using fixture = await openFilesFixture();
  const lost = new Error('the database did not answer');

  const upload = storeBody(fixture.files, createBody(fixture.owner, 'a'), () => Promise.reject(lost));

  await assert.rejects(upload, (error) => error === lost);
  assert.equal((await fixture.listBlobs()).length, 1);
});

test("a file cannot be uploaded into another user's folder, an unknown folder or one in the trash", async () => {
  await using fixture = await openFilesFixture();
  const { files, owner, otherUser } = fixture;
  const gone = await fixture.folder('gone');
  await trashFolder(files, { caller: owner.id, folderId: gone.id, recursive: false, ifMatch: undefined });
  const upload = (folderId = owner.root_id, user = owner) =>
    uploadFile(files, { folderId, name: 'a.txt' }, createBody(user, 'a'));

  await assert.rejects(upload(owner.root_id, otherUser), errorWithCode('not-found'));
  await assert.rejects(upload(1 as typeof owner.root_id), errorWithCode('not-found'));
  await assert.rejects(upload(gone.id), errorWithCode('trashed'));
  assert.deepEqual(await fixture.listBlobs(), []);
});

test('a folder that is trashed during an upload does not get the file', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const inbox = await fixture.folder('inbox');
  async function* meanwhile(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a');
    await trashFolder(files, { caller: owner.id, folderId: inbox.id, recursive: false, ifMatch: undefined });
  }

  const upload = uploadFile(files, { folderId: inbox.id, name: 'a.txt' }, createBody(owner, meanwhile()));

  await assert.rejects(upload, errorWithCode('trashed'));
  assert.deepEqual(await fixture.listBlobs(), []);
});

test('a new version changes the etag, and keeps the ID, the earlier bytes and the creation date', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner, clock } = fixture;
  const first = await fixture.file('a.txt');
  clock.advance(60_000);

  const second = await uploadVersion(files, first.fileId, { name: 'b.txt', ifMatch: '"0"' }, createBody(owner, 'b'));

  assert.equal(second.fileId, first.fileId);
  const entry = await describeFile(files.db, first.fileId);
  assert.ok(entry);
  assert.deepEqual([entry.item.name, entry.item.etag, entry.version.id], ['b.txt', 1, second.versionId]);
  assert.equal(entry.item.content_created_at, clock.now() - 60_000);
  assert.equal(entry.item.content_modified_at, clock.now());
  assert.equal((await describeFile(files.db, first.fileId, first.versionId))?.version.sha1, computeSha1('a.txt'));
  assert.equal((await fixture.listBlobs()).length, 2);
});

test('a new version with an outdated etag, a name in use or an unknown file is rejected, and its bytes are deleted', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner, otherUser } = fixture;
  const { fileId } = await fixture.file('a.txt');
  await fixture.file('b.txt');
  const upload = (change: { name?: string; ifMatch?: string }, id = fileId, user = owner) =>
    uploadVersion(files, id, change, createBody(user, 'next'));

  await assert.rejects(upload({ ifMatch: '7' }), errorWithCode('precondition-failed'));
  await assert.rejects(upload({ name: 'B.TXT' }), errorWithCode('name-in-use'));
  await assert.rejects(upload({ name: 'a/b' }), errorWithCode('name-invalid'));
  await assert.rejects(upload({}, 1 as typeof fileId), errorWithCode('not-found'));
  await assert.rejects(upload({ ifMatch: '0' }, 1 as typeof fileId), errorWithCode('precondition-failed'));
  await assert.rejects(upload({}, fileId, otherUser), errorWithCode('not-found'));
  await assert.rejects(upload({}, owner.root_id), errorWithCode('not-found'));
  assert.equal((await fixture.listBlobs()).length, 2);
});

test('a file can change the case of its own name', async () => {
  await using fixture = await openFilesFixture();
  const { fileId } = await fixture.file('a.txt');

  await uploadVersion(fixture.files, fileId, { name: 'A.txt' }, createBody(fixture.owner, 'next'));

  assert.equal((await describeFile(fixture.files.db, fileId))?.item.name, 'A.txt');
});

test('without If-Match, the last of two concurrent versions wins, and both are kept', async () => {
  await using fixture = await openFilesFixture();
  const { files, owner } = fixture;
  const { fileId } = await fixture.file('a.txt');

  await Promise.all(['b', 'c'].map((text) => uploadVersion(files, fileId, {}, createBody(owner, text))));

  assert.equal((await describeFile(files.db, fileId))?.item.etag, 2);
  assert.equal((await fixture.listBlobs()).length, 3);
});
