import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSession } from '../../packages/server/src/uploads/create-session.ts';
import { abortSession, expireSessions } from '../../packages/server/src/uploads/end-session.ts';
import { collect } from '../conformance/blob-samples.ts';
import { assertCountersRight } from '../files/recount.ts';
import { LIFETIME, openUploadFixture, PART_SIZE, type UploadFixture } from './upload-fixture.ts';
import { commitUpload, createUpload, sendAllParts, sendPart } from './upload-steps.ts';

/** The size of `createUpload`'s default file: two parts and 100 bytes. */
const SIZE = 2 * PART_SIZE + 100;
const tooMany = {
  code: 'limit-exceeded',
  message: /3 open upload sessions.*PARTWAY_MAX_SESSIONS/,
};
const tooMuch = { code: 'quota-exceeded', message: /PARTWAY_MAX_RESERVED/ };

async function openFixtureWithLimits(limits: { sessions?: number; reservedBytes?: number }): Promise<UploadFixture> {
  const fixture = await openUploadFixture();
  Object.assign(fixture.uploads.limits, limits);
  return fixture;
}

async function countOpenSessions({ uploads }: UploadFixture): Promise<number> {
  return (await uploads.db.selectFrom('upload_sessions').select('id').where('state', '=', 'open').execute()).length;
}

for (const [what, limits, refusal] of [
  ['sessions', { sessions: 3 }, tooMany],
  ['reserved bytes', { reservedBytes: 3 * SIZE }, tooMuch],
] as const) {
  test(`creates no more sessions in parallel than the limit of ${what} allows, across nodes`, async () => {
    await using fixture = await openFixtureWithLimits(limits);
    const node = await fixture.openAnother();
    Object.assign(node.uploads.limits, limits);
    const made = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) => createUpload(n % 2 === 0 ? fixture : node)),
    );
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 3);
    assert.equal(await countOpenSessions(fixture), 3);
    assert.equal((await collect(fixture.uploads.blobs.list())).length, 3);
    assert.deepEqual(await fixture.uploads.db.selectFrom('unreferenced_blobs').selectAll().execute(), []);
    await assertCountersRight(fixture.uploads.db);
    await assert.rejects(createUpload(fixture), refusal);
  });
}

test('rejects a session beyond a limit before anything is stored or looked up', async () => {
  const begun: unknown[] = [];
  await using fixture = await openUploadFixture({
    plan: [{ method: 'create', when: 'before', hook: () => begun.push(1) }],
  });
  fixture.uploads.limits.sessions = 0;
  await assert.rejects(createUpload(fixture), { code: 'limit-exceeded' });
  assert.deepEqual(begun, []);
});

test('can create one more session after a commit, an abort or an expiry', async () => {
  await using fixture = await openFixtureWithLimits({ sessions: 1 });
  const first = await createUpload(fixture);
  await sendAllParts(fixture, first);
  await commitUpload(fixture, first);
  const second = await createUpload(fixture);
  await abortSession(fixture.uploads, fixture.owner.id, second.session.id);
  await createUpload(fixture);
  await assert.rejects(createUpload(fixture), { code: 'limit-exceeded' });
  fixture.clock.advance(LIFETIME);
  await expireSessions(fixture.uploads);
  await createUpload(fixture);
});

test('counts the upload of a new version like any other session', async () => {
  await using fixture = await openFixtureWithLimits({ sessions: 1 });
  const first = await createUpload(fixture);
  await sendAllParts(fixture, first);
  const { fileId } = await commitUpload(fixture, first);
  const version = { caller: fixture.owner.id, fileSize: SIZE, fileId, name: undefined };
  await createSession(fixture.uploads, version);
  await assert.rejects(createSession(fixture.uploads, version), { code: 'limit-exceeded' });
});

test('a user above a reduced limit can finish existing sessions and create none', async () => {
  await using fixture = await openUploadFixture();
  const [one, other, third] = [await createUpload(fixture), await createUpload(fixture), await createUpload(fixture)];
  Object.assign(fixture.uploads.limits, { sessions: 1, reservedBytes: 1 });
  for (const index of [0, 1, 2]) await sendPart(fixture, one, index);
  await commitUpload(fixture, one);
  await abortSession(fixture.uploads, fixture.owner.id, other.session.id);
  await assert.rejects(createUpload(fixture), { code: 'limit-exceeded' });
  await sendAllParts(fixture, third);
  await commitUpload(fixture, third);
  await assertCountersRight(fixture.uploads.db);
});

test('a user whose reserved bytes exceed all numbers can create no session, and existing ones stay usable', async () => {
  await using fixture = await openUploadFixture();
  const upload = await createUpload(fixture);
  const { db } = fixture.uploads;
  const huge = 2 ** 62;
  await db.updateTable('users').set({ space_reserved: huge }).where('id', '=', fixture.owner.id).execute();
  await assert.rejects(createUpload(fixture), tooMuch);
  await sendAllParts(fixture, upload);
  await commitUpload(fixture, upload);
});
