import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getSpace } from '../../packages/server/src/files/quota.ts';
import { abortSession, expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { collect } from '../conformance/content-samples.ts';
import { LIFETIME, openUploadFixture, PART_SIZE, type UploadFixture } from '../uploads/upload-fixture.ts';
import { commitUpload, createUpload, sendAllParts, tryCommit } from '../uploads/upload-steps.ts';
import { refusal } from './files-fixture.ts';
import { assertCountersRight } from './recount.ts';

/** What `begin` makes: two parts and 100 bytes. */
const SIZE = 2 * PART_SIZE + 100;

async function roomFor(files: number): Promise<UploadFixture> {
  const fixture = await openUploadFixture();
  fixture.uploads.limits.userQuota = files * SIZE;
  return fixture;
}

async function space({ uploads, owner }: UploadFixture): Promise<[used: number, reserved: number]> {
  await assertCountersRight(uploads.db);
  const { used, reserved } = await getSpace(uploads.db, owner.id, uploads.limits.userQuota);
  return [used, reserved];
}

test('a session reserves room for its file, which its commit takes and an abort or its expiry gives back', async () => {
  await using fixture = await roomFor(1);
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
    assert.deepEqual(await space(fixture), [0, SIZE]);
    await assert.rejects(createUpload(fixture), refusal('quota-exceeded'));
    await end[ended](upload);
    assert.deepEqual(await space(fixture), [0, 0], ended);
  }
  const upload = await createUpload(fixture);
  await sendAllParts(fixture, upload);
  await commitUpload(fixture, upload);
  assert.deepEqual(await space(fixture), [SIZE, 0]);
  await commitUpload(fixture, upload);
  assert.deepEqual(await space(fixture), [SIZE, 0]);
  await assert.rejects(createUpload(fixture), refusal('quota-exceeded'));
});

test('a session that there is no room for leaves nothing behind', async () => {
  await using fixture = await roomFor(0);

  await assert.rejects(createUpload(fixture), refusal('quota-exceeded'));

  assert.deepEqual(await fixture.uploads.db.selectFrom('upload_sessions').selectAll().execute(), []);
  assert.deepEqual(await collect(fixture.uploads.blobs.list()), []);
});

test('of many sessions at once, from several nodes, as many are made as there is room for', async () => {
  await using fixture = await roomFor(3);
  const node = await fixture.another();
  node.uploads.limits.userQuota = 3 * SIZE;

  const made = await Promise.allSettled(
    Array.from({ length: 10 }, (_, n) => createUpload(n % 2 === 0 ? fixture : node)),
  );

  assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 3);
  assert.deepEqual(await space(fixture), [0, 3 * SIZE]);
  assert.equal((await collect(fixture.uploads.blobs.list())).length, 3);
});

test('a commit takes what was reserved for it, also where the quota has become smaller since', async () => {
  await using fixture = await roomFor(1);
  const upload = await createUpload(fixture);
  await sendAllParts(fixture, upload);
  fixture.uploads.limits.userQuota = 1;

  await commitUpload(fixture, upload);

  assert.deepEqual(await space(fixture), [SIZE, 0]);
});

test('a commit that is refused keeps its room', async () => {
  await using fixture = await roomFor(2);
  const [upload, other] = [await createUpload(fixture, { name: 'one' }), await createUpload(fixture, { name: 'one' })];
  for (const one of [upload, other]) await sendAllParts(fixture, one);
  await commitUpload(fixture, upload);

  await assert.rejects(tryCommit(fixture, other), refusal('name-in-use'));

  assert.deepEqual(await space(fixture), [SIZE, SIZE]);
  await abortSession(fixture.uploads, fixture.owner.id, other.session.id);
  assert.deepEqual(await space(fixture), [SIZE, 0]);
});

test('a commit, an abort and the expiry of one session at once count it once', async () => {
  await using fixture = await roomFor(20);
  for (let round = 0; round < 5; round++) {
    const upload = await createUpload(fixture);
    await sendAllParts(fixture, upload);
    const { id } = upload.session;
    await Promise.allSettled([tryCommit(fixture, upload), abortSession(fixture.uploads, fixture.owner.id, id)]);
    const [, reserved] = await space(fixture);
    assert.equal(reserved, 0);
  }
});
