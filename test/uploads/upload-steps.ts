import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Sha1 } from '../../packages/protocol/src/ids.ts';
import { acceptPart } from '../../packages/server/src/uploads/accept-part.ts';
import { collectGarbage } from '../../packages/server/src/uploads/collect-garbage.ts';
import { type CommitRequest, type Committed, commit } from '../../packages/server/src/uploads/commit.ts';
import { createSession } from '../../packages/server/src/uploads/create-session.ts';
import { partRange } from '../../packages/server/src/uploads/part-layout.ts';
import type { PartBody } from '../../packages/server/src/uploads/part-locks.ts';
import type { Part, Session } from '../../packages/server/src/uploads/session.ts';
import { findSession, listParts } from '../../packages/server/src/uploads/session-store.ts';
import { collect } from '../conformance/blob-samples.ts';
import { seededBytes } from '../support/bytes.ts';
import { PART_SIZE, type UploadFixture } from './upload-fixture.ts';

/** A session and the file that is uploaded. */
export interface Upload {
  session: Session;
  bytes: Buffer;
}

let uploadCount = 0;

/** Creates a session for a file of `partCount` parts, the last one shorter. */
export async function createUpload(
  fixture: UploadFixture,
  change: { partCount?: number; name?: string; seed?: string } = {},
): Promise<Upload> {
  const number = ++uploadCount;
  const { partCount = 3, name = `file-${number}.bin`, seed = `file ${number}` } = change;
  const bytes = seededFile(partCount, seed);
  const { id: caller, root_id: folderId } = fixture.owner;
  return { session: await createSession(fixture.uploads, { caller, fileSize: bytes.length, folderId, name }), bytes };
}

/** The file that is uploaded in `partCount` parts for a given seed. */
export function seededFile(partCount: number, seed: string): Buffer {
  return seededBytes((partCount - 1) * PART_SIZE + 100, seed);
}

/** The bytes of one part. */
export function partBytes({ session, bytes }: Upload, index: number): Buffer {
  const { offset, length } = partRange(session.staged.layout, index);
  return bytes.subarray(offset, offset + length);
}

/** Sends one part, by default with its own bytes in a body that is available immediately. */
export async function sendPart(
  fixture: UploadFixture,
  upload: Upload,
  index: number,
  { bytes = partBytes(upload, index), body = createBody(bytes) } = {},
): Promise<Part> {
  const { session } = upload;
  const { offset, length } = partRange(session.staged.layout, index);
  const accepted = await acceptPart(fixture.uploads, {
    caller: session.owner,
    session: session.id,
    range: { first: offset, last: offset + length - 1, total: session.staged.layout.fileSize },
    sha1: sha1(bytes),
    body,
  });
  return accepted.part;
}

/** A body with these bytes: a copy, because the store frees what it has written. */
function createBody(bytes: Buffer): PartBody {
  return Readable.from([Buffer.from(bytes)]);
}

export async function sendAllParts(fixture: UploadFixture, upload: Upload, order = partsIn(upload)): Promise<void> {
  for (const index of order) await sendPart(fixture, upload, index);
}

export function partsIn({ session }: Upload): number[] {
  return Array.from({ length: session.staged.layout.partCount }, (_, index) => index);
}

/** Commits all stored parts with the correct digest, by default. */
export async function tryCommit(
  fixture: UploadFixture,
  upload: Upload,
  change: Partial<CommitRequest> = {},
): Promise<Committed | undefined> {
  const { session, bytes } = upload;
  return commit(fixture.uploads, {
    caller: session.owner,
    session: session.id,
    sha1: sha1(bytes),
    parts: (await listParts(fixture.uploads.db, session.id)).map(({ partId }) => ({ ...ANY_PLACE, partId })),
    attributes: {},
    ifMatch: undefined,
    ifNoneMatch: undefined,
    timeout: 60_000,
    ...change,
  });
}

const ANY_PLACE = { offset: undefined, size: undefined, sha1: undefined };

/** Like `tryCommit`, if the commit can complete immediately. */
export async function commitUpload(
  fixture: UploadFixture,
  upload: Upload,
  change: Partial<CommitRequest> = {},
): Promise<Committed> {
  const committed = await tryCommit(fixture, upload, change);
  assert.ok(committed, 'the commit was not complete yet');
  return committed;
}

/** All versions, with their bytes. */
export async function listVersions(fixture: UploadFixture): Promise<{ file: Committed; bytes: Buffer }[]> {
  const versions = await fixture.uploads.db.selectFrom('versions').selectAll().orderBy('id').execute();
  return Promise.all(
    versions.map(async ({ id, file_id, blob_id }) => ({
      file: { fileId: file_id, versionId: id },
      bytes: Buffer.concat(await collect(await fixture.uploads.blobs.read(blob_id))),
    })),
  );
}

/** Asserts that the upload became exactly this file, and that there is no other. */
export async function assertOnlyFile(fixture: UploadFixture, upload: Upload, file: Committed): Promise<void> {
  const { fileId, versionId } = file;
  assert.deepEqual(await listVersions(fixture), [{ file: { fileId, versionId }, bytes: upload.bytes }]);
}

/** Asserts that nothing is left: no file, no open session, no bytes, no parts. */
export async function assertNothingLeft(fixture: UploadFixture, upload: Upload): Promise<void> {
  const { db, blobs } = fixture.uploads;
  assert.deepEqual(await listVersions(fixture), []);
  assert.notEqual((await findSession(db, upload.session.id))?.state, 'open');
  assert.deepEqual(await listParts(db, upload.session.id), []);
  assert.deepEqual(await collect(blobs.list()), []);
  const items = await db.selectFrom('items').select('id').where('kind', '=', 'file').execute();
  assert.deepEqual(items, []);
}

/** Collects garbage as if every file in the store had been untouched for an hour. */
export function collectGarbageNow(fixture: UploadFixture): Promise<number> {
  return collectGarbage(fixture.uploads, { grace: -3_600_000 });
}

export function sha1(bytes: Uint8Array): Sha1 {
  return createHash('sha1').update(bytes).digest('hex') as Sha1;
}

/**
 * Resolves when everything that started earlier has sent its first queries, so that it waits for something else or
 * has ended. A database thread that is starting can delay a statement while others are answered.
 */
export async function waitForFirstQueries({ uploads, unanswered }: UploadFixture, { session }: Upload): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    const before = [...unanswered];
    // A failed statement stays in the set.
    for (let attempt = 0; attempt < 1_000; attempt++) {
      await findSession(uploads.db, session.id);
      if (!before.some((query) => unanswered.has(query))) break;
    }
  }
}
