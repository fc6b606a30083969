import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getSpace } from '../../packages/server/src/files/quota.ts';
import { abortSession, expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { collect } from '../conformance/blob-samples.ts';
import { LIFETIME, openUploadFixture, PART_SIZE, type UploadFixture } from '../uploads/upload-fixture.ts';
import { commitUpload, createUpload, sendAllParts, tryCommit } from '../uploads/upload-steps.ts';
import { errorWithCode } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';

/** The size of the uploads: two parts and 100 bytes. */
const SIZE = 2 * PART_SIZE + 100;

async function openFixtureFor(files: number): Promise<UploadFixture> {
  const fixture = await openUploadFixture();
  fixture.uploads.limits.userQuota = files * SIZE;
  return fixture;
}

async function readSpace({ uploads, owner }: UploadFixture): Promise<[used: number, reserved: number]> {
  await assertCountersRight(uploads.db);
  const { used, reserved } = await getSpace(uploads.db, owner.id, uploads.limits.userQuota);
  return [used, reserved];
}

test('a session reserves space for its file, which its commit uses and which an abort or its expiry releases', async () => {
  await using fixture = await openFixtureFor(1);
  const end = {
    abort: ({ session }: Awaited<ReturnType<typeof createUpload>>) =>
      abortSession(fixture.uploads, fixture.owner.id, session.id),
    expiry: async () => {
      fixture.clock.advance(LIFETIME);
      await expireSessions(fixture.uploads);
    },
  };
  for (const ended of ['abort', 'expiry'] as const) {
    const upload = await createUpload(fixture);
    assert.deepEqual(await readSpace(fixture), [0, SIZE]);
    await assert.rejects(createUpload(fixture), errorWithCode('quota-exceeded'));
    await end[ended](upload);
    assert.deepEqual(await readSpace(fixture), [0, 0], ended);
  }
  const upload = await createUpload(fixture);
  await sendAllParts(fixture, upload);
  await commitUpload(fixture, upload);
  assert.deepEqual(await readSpace(fixture), [SIZE, 0]);
  await commitUpload(fixture, upload);
  assert.deepEqual(await readSpace(fixture), [SIZE, 0]);
  await assert.rejects(createUpload(fixture), errorWithCode('quota-exceeded'));
});

test('a session without enough space leaves nothing behind', async () => {
  await using fixture = await openFixtureFor(0);

  await assert.rejects(createUpload(fixture), errorWithCode('quota-exceeded'));

  assert.deepEqual(await fixture.uploads.db.selectFrom('upload_sessions').selectAll().execute(), []);
  assert.deepEqual(await collect(fixture.uploads.blobs.list()), []);
});

test('no more sessions are created at once than there is space for, across nodes', async () => {
  await using fixture = await openFixtureFor(3);
  const node = await fixture.openAnother();
  node.uploads.limits.userQuota = 3 * SIZE;

  const results = await Promise.allSettled(
    Array.from({ length: 10 }, (_, n) => createUpload(n % 2 === 0 ? fixture : node)),
  );

  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3);
  assert.deepEqual(await readSpace(fixture), [0, 3 * SIZE]);
  assert.equal((await collect(fixture.uploads.blobs.list())).length, 3);
});

test('a commit uses the space that was reserved for it, even if the quota has become smaller', async () => {
  await using fixture = await openFixtureFor(1);
  const upload = await createUpload(fixture);
  await sendAllParts(fixture, upload);
  fixture.uploads.limits.userQuota = 1;

  await commitUpload(fixture, upload);

  assert.deepEqual(await readSpace(fixture), [SIZE, 0]);
});

test('a failed commit keeps its reserved space', async () => {
  await using fixture = await openFixtureFor(2);
  const [upload, other] = [await createUpload(fixture, { name: 'one' }), await createUpload(fixture, { name: 'one' })];
  for (const one of [upload, other]) await sendAllParts(fixture, one);
  await commitUpload(fixture, upload);

  await assert.rejects(tryCommit(fixture, other), errorWithCode('name-in-use'));

  assert.deepEqual(await readSpace(fixture), [SIZE, SIZE]);
  await abortSession(fixture.uploads, fixture.owner.id, other.session.id);
  assert.deepEqual(await readSpace(fixture), [SIZE, 0]);
});

test('a commit, an abort and the expiry of one session at once count its space once', async () => {
  await using fixture = await openFixtureFor(20);
  for (let round = 0; round < 5; round++) {
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const { id } = upload.session;
    await Promise.allSettled([tryCommit(fixture, upload), abortSession(fixture.uploads, fixture.owner.id, id)]);
    const [, reserved] = await readSpace(fixture);
    assert.equal(reserved, 0);
  }
});
