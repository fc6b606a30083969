import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDetails } from '../../packages/protocol/src/item-details.ts';
import { createSession } from '../../packages/server/src/uploads/create-session.ts';
import { faulty } from '../faults/faulty.ts';
import { createSlowBody } from './bodies.ts';
import { openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import {
  commitUpload,
  createUpload,
  partBytes,
  seededFile,
  sendAllParts,
  sendPart,
  tryCommit,
  type Upload,
  waitForFirstQueries,
} from './upload-steps.ts';

const DATES = { contentCreatedAt: 1_000_000, contentModifiedAt: 2_000_000 };

describe('a commit', () => {
  it('gives a new file the values of the session, and defaults for the others', async () => {
    await using fixture = await openUploadFixture();
    const [plain, full] = [await createCompleteUpload(fixture, 'plain'), await createCompleteUpload(fixture, 'full')];
    fixture.clock.advance(5_000);
    const now = fixture.clock.now();
    const attributes = { ...DATES, name: 'other', description: 'text', details: { tags: ['a'] } };
    await commitUpload(fixture, plain);
    await commitUpload(fixture, full, { attributes });
    assert.deepEqual(await listItems(fixture), [
      { name: 'other', description: 'text', tags: ['a'], created: 1_000_000, modified: 2_000_000, etag: 0 },
      { name: 'plain', description: '', tags: [], created: now, modified: now, etag: 0 },
    ]);
  });

  it("gives a new version the values of the session, and leaves the file's other values unchanged", async () => {
    await using fixture = await openUploadFixture();
    const first = await createCompleteUpload(fixture, 'file');
    const attributes = { ...DATES, description: 'text', details: { tags: ['a'] } };
    const { fileId } = await commitUpload(fixture, first, { attributes });
    fixture.clock.advance(5_000);
    const now = fixture.clock.now();
    await commitUpload(fixture, await createVersionUpload(fixture, fileId));
    const kept = { name: 'file', description: 'text', tags: ['a'], created: 1_000_000 };
    assert.deepEqual(await listItems(fixture), [{ ...kept, modified: now, etag: 1 }]);
    // The name with which it was created.
    await commitUpload(fixture, await createVersionUpload(fixture, fileId, 'begun'));
    assert.deepEqual(await listItems(fixture), [{ ...kept, name: 'begun', modified: now, etag: 2 }]);
    const change = { contentCreatedAt: 5, contentModifiedAt: 6, name: 'new', description: '', details: { tags: [] } };
    await commitUpload(fixture, await createVersionUpload(fixture, fileId, 'begun'), { attributes: change });
    assert.deepEqual(await listItems(fixture), [
      { name: 'new', description: '', tags: [], created: 5, modified: 6, etag: 3 },
    ]);
  });

  it('of a new version with an If-None-Match that matches the file is rejected, and succeeds otherwise', async () => {
    await using fixture = await openUploadFixture();
    const { fileId } = await commitUpload(fixture, await createCompleteUpload(fixture, 'file'));
    const upload = await createVersionUpload(fixture, fileId);
    for (const ifNoneMatch of ['"0"', '*', '"7", "0"']) {
      await assert.rejects(tryCommit(fixture, upload, { ifNoneMatch }), { code: 'precondition-failed' });
    }
    await commitUpload(fixture, upload, { ifNoneMatch: '"1"' });
    assert.equal((await listItems(fixture))[0]?.etag, 1);
  });

  it('of a new file ignores preconditions, and of a new version fails if the file is gone', async () => {
    await using fixture = await openUploadFixture();
    const { fileId } = await commitUpload(fixture, await createCompleteUpload(fixture, 'file'), { ifNoneMatch: '*' });
    const upload = await createVersionUpload(fixture, fileId);
    const { db } = fixture.uploads;
    await db.deleteFrom('versions').where('file_id', '=', fileId).execute();
    await db.deleteFrom('items').where('id', '=', fileId).execute();
    await assert.rejects(tryCommit(fixture, upload, { ifNoneMatch: '*' }), { code: 'not-found' });
    await assert.rejects(tryCommit(fixture, upload, { ifMatch: '"0"' }), { code: 'precondition-failed' });
  });

  it('of a new version with an If-Match that does not match the file is rejected', async () => {
    await using fixture = await openUploadFixture();
    const { fileId } = await commitUpload(fixture, await createCompleteUpload(fixture, 'file'));
    const upload = await createVersionUpload(fixture, fileId);
    await assert.rejects(tryCommit(fixture, upload, { ifMatch: '"1"' }), { code: 'precondition-failed' });
    await commitUpload(fixture, upload, { ifMatch: '"0"' });
  });

  it('waits for a part in progress only if a part is missing, until the timeout', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture, { partCount: 2 });
    await sendPart(fixture, upload, 0);
    const body = createSlowBody();
    const sending = sendPart(fixture, upload, 1, { body });
    await waitForFirstQueries(fixture, upload);
    await assert.rejects(tryCommit(fixture, upload, { timeout: 0 }), partsMismatch(1));
    const rejection = assert.rejects(tryCommit(fixture, upload), partsMismatch(2));
    await waitForFirstQueries(fixture, upload);
    body.send(partBytes(upload, 1));
    body.end();
    await Promise.all([sending, rejection]);
    const again = createSlowBody();
    const repeated = sendPart(fixture, upload, 1, { body: again });
    await commitUpload(fixture, upload);
    again.end();
    await repeated;
  });

  it('checks for parts at other nodes only while it has time left, and never for a complete upload', async () => {
    await using fixture = await openUploadFixture();
    const { uploads } = fixture;
    let checks = 0;
    // Another node is storing a part. After many checks, it has given up.
    uploads.registry = { ...faulty(uploads.registry, []), hasReservations: async () => ++checks < 100 };
    const upload = await createUpload(fixture, { partCount: 2 });
    await sendPart(fixture, upload, 0);
    await assert.rejects(tryCommit(fixture, upload, { timeout: 0 }), partsMismatch(1));
    assert.equal(checks, 0);
    await assert.rejects(tryCommit(fixture, upload, { timeout: 1_000 }), partsMismatch(1));
    assert.ok(checks < 100, String(checks));
    const before = checks;
    await sendPart(fixture, upload, 1);
    await commitUpload(fixture, upload);
    assert.equal(checks, before);
  });

  it('leaves no timer behind that would keep the process alive', async (t) => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture, { partCount: 2 });
    await sendPart(fixture, upload, 0);
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    await assert.rejects(tryCommit(fixture, upload, { timeout: 600_000 }), { code: 'invalid-request' });
    const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    assert.ok(after <= before, t.name);
  });
});

/** The error of a commit that lists one part if two are needed. */
function partsMismatch(count: number): object {
  return {
    code: 'invalid-request',
    context: { offset: 65_536, size: 100, total_parts: 2, parts_listed: 1, parts_stored: count },
  };
}

async function createCompleteUpload(fixture: UploadFixture, name: string): Promise<Upload> {
  const upload = await createUpload(fixture, { name, partCount: 1 });
  await sendAllParts(fixture, upload);
  return upload;
}

async function createVersionUpload(fixture: UploadFixture, fileId: number, name?: string): Promise<Upload> {
  const bytes = seededFile(1, `version of ${fileId}`);
  const { uploads, owner } = fixture;
  const file = await uploads.db.selectFrom('items').selectAll().where('kind', '=', 'file').executeTakeFirstOrThrow();
  const session = await createSession(uploads, { caller: owner.id, fileSize: bytes.length, fileId: file.id, name });
  const upload = { session, bytes };
  await sendAllParts(fixture, upload);
  return upload;
}

async function listItems({ uploads }: UploadFixture) {
  const items = await uploads.db.selectFrom('items').selectAll().where('kind', '=', 'file').orderBy('name').execute();
  return items.map(({ name, description, details, content_created_at, content_modified_at, etag }) => ({
    name,
    description,
    tags: parseDetails(details).tags,
    created: content_created_at,
    modified: content_modified_at,
    etag,
  }));
}
