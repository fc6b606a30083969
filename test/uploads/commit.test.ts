import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDetails } from '../../packages/protocol/src/item-details.ts';
import { createSession } from '../../packages/server/src/uploads/create-session.ts';
import { slowBody } from './bodies.ts';
import { openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import {
  bytesOf,
  bytesOfSeed,
  commitUpload,
  createUpload,
  letOthersAsk,
  sendAllParts,
  sendPart,
  tryCommit,
  type Upload,
} from './upload-steps.ts';

const DATES = { contentCreatedAt: 1_000_000, contentModifiedAt: 2_000_000 };

describe('a commit', () => {
  it('gives a new file what it says of it, and the rest by default', async () => {
    await using fixture = await openUploadFixture();
    const [plain, full] = [await whole(fixture, 'plain'), await whole(fixture, 'full')];
    fixture.clock.advance(5_000);
    const now = fixture.clock.now();
    const attributes = { ...DATES, name: 'other', description: 'text', details: { tags: ['a'] } };
    await commitUpload(fixture, plain);
    await commitUpload(fixture, full, { attributes });
    assert.deepEqual(await itemsIn(fixture), [
      { name: 'other', description: 'text', tags: ['a'], created: 1_000_000, modified: 2_000_000, etag: 0 },
      { name: 'plain', description: '', tags: [], created: now, modified: now, etag: 0 },
    ]);
  });

  it('gives a new version what it says of it, and leaves the file the rest', async () => {
    await using fixture = await openUploadFixture();
    const first = await whole(fixture, 'file');
    const attributes = { ...DATES, description: 'text', details: { tags: ['a'] } };
    const { fileId } = await commitUpload(fixture, first, { attributes });
    fixture.clock.advance(5_000);
    const now = fixture.clock.now();
    await commitUpload(fixture, await versionOf(fixture, fileId));
    const kept = { name: 'file', description: 'text', tags: ['a'], created: 1_000_000 };
    assert.deepEqual(await itemsIn(fixture), [{ ...kept, modified: now, etag: 1 }]);
    // The name that it was begun with.
    await commitUpload(fixture, await versionOf(fixture, fileId, 'begun'));
    assert.deepEqual(await itemsIn(fixture), [{ ...kept, name: 'begun', modified: now, etag: 2 }]);
    const change = { contentCreatedAt: 5, contentModifiedAt: 6, name: 'new', description: '', details: { tags: [] } };
    await commitUpload(fixture, await versionOf(fixture, fileId, 'begun'), { attributes: change });
    assert.deepEqual(await itemsIn(fixture), [
      { name: 'new', description: '', tags: [], created: 5, modified: 6, etag: 3 },
    ]);
  });

  it('of a new version is refused where If-None-Match names the state of the file, and made otherwise', async () => {
    await using fixture = await openUploadFixture();
    const { fileId } = await commitUpload(fixture, await whole(fixture, 'file'));
    const upload = await versionOf(fixture, fileId);
    for (const ifNoneMatch of ['"0"', '*', '"7", "0"']) {
      await assert.rejects(tryCommit(fixture, upload, { ifNoneMatch }), { code: 'precondition-failed' });
    }
    await commitUpload(fixture, upload, { ifNoneMatch: '"1"' });
    assert.equal((await itemsIn(fixture))[0]?.etag, 1);
  });

  it('of a new file asks for no other state, and of a new version whose file is gone says so', async () => {
    await using fixture = await openUploadFixture();
    const { fileId } = await commitUpload(fixture, await whole(fixture, 'file'), { ifNoneMatch: '*' });
    const upload = await versionOf(fixture, fileId);
    const { db } = fixture.uploads;
    await db.deleteFrom('versions').where('file_id', '=', fileId).execute();
    await db.deleteFrom('items').where('id', '=', fileId).execute();
    await assert.rejects(tryCommit(fixture, upload, { ifNoneMatch: '*' }), { code: 'not-found' });
    await assert.rejects(tryCommit(fixture, upload, { ifMatch: '"0"' }), { code: 'precondition-failed' });
  });

  it('of a new version is refused where If-Match names another state of the file', async () => {
    await using fixture = await openUploadFixture();
    const { fileId } = await commitUpload(fixture, await whole(fixture, 'file'));
    const upload = await versionOf(fixture, fileId);
    await assert.rejects(tryCommit(fixture, upload, { ifMatch: '"1"' }), { code: 'precondition-failed' });
    await commitUpload(fixture, upload, { ifMatch: '"0"' });
  });

  it('waits for a part on its way only if one is missing, and no longer than it may', async () => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture, { slots: 2 });
    await sendPart(fixture, upload, 0);
    const body = slowBody();
    const sending = sendPart(fixture, upload, 1, { body });
    await letOthersAsk(fixture, upload);
    await assert.rejects(tryCommit(fixture, upload, { timeout: 0 }), storedParts(1));
    const rejection = assert.rejects(tryCommit(fixture, upload), storedParts(2));
    await letOthersAsk(fixture, upload);
    body.send(bytesOf(upload, 1));
    body.end();
    await Promise.all([sending, rejection]);
    const again = slowBody();
    const repeated = sendPart(fixture, upload, 1, { body: again });
    await commitUpload(fixture, upload);
    again.end();
    await repeated;
  });

  it('leaves no timer behind that would keep the process', async (t) => {
    await using fixture = await openUploadFixture();
    const upload = await createUpload(fixture, { slots: 2 });
    await sendPart(fixture, upload, 0);
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    await assert.rejects(tryCommit(fixture, upload, { timeout: 600_000 }), { code: 'invalid-request' });
    const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    assert.ok(after <= before, t.name);
  });
});

/** The error of a commit that lists one part, although two are needed. */
function storedParts(count: number): object {
  return {
    code: 'invalid-request',
    context: { offset: 65_536, size: 100, total_parts: 2, parts_listed: 1, parts_stored: count },
  };
}

async function whole(fixture: UploadFixture, name: string): Promise<Upload> {
  const upload = await createUpload(fixture, { name, slots: 1 });
  await sendAllParts(fixture, upload);
  return upload;
}

async function versionOf(fixture: UploadFixture, fileId: number, name?: string): Promise<Upload> {
  const bytes = bytesOfSeed(1, `version of ${fileId}`);
  const { uploads, owner } = fixture;
  const file = await uploads.db.selectFrom('items').selectAll().where('kind', '=', 'file').executeTakeFirstOrThrow();
  const session = await createSession(uploads, { caller: owner.id, fileSize: bytes.length, fileId: file.id, name });
  const upload = { session, bytes };
  await sendAllParts(fixture, upload);
  return upload;
}

async function itemsIn({ uploads }: UploadFixture) {
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
