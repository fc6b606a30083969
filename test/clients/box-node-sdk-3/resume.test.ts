import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { seededBytes, sha1Base64, sha1Hex, splitIntoParts } from '../../support/bytes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { type LegacyError, type LegacyFiles, legacyFilesOf, type Uploader } from './sdk.ts';

const PART_SIZE = 65536;
const BYTES = seededBytes(9 * PART_SIZE + 4321, 'box-node-sdk 3 resume');
const PARTS = splitIntoParts(BYTES, PART_SIZE);

describe('aborted and resumed uploads with box-node-sdk 3', () => {
  let server: TestServer;
  let files: LegacyFiles;

  before(async () => {
    server = await startServer({
      tls: true,
      env: { PARTWAY_PART_SIZE: String(PART_SIZE), PARTWAY_MIN_SESSION_SIZE: String(PART_SIZE) },
    });
    files = legacyFilesOf(server);
  });
  after(() => server[Symbol.asyncDispose]());

  test('an uploader that is aborted leaves no session and no file, and the next one uploads the file', async () => {
    const uploader = await files.getChunkedUploader('0', BYTES.length, 'aborted.bin', BYTES, { parallelism: 1 });
    await firstChunk(uploader);
    await uploader.abort();

    const again = await files.getChunkedUploader('0', BYTES.length, 'aborted.bin', BYTES);

    assert.equal((await again.start()).entries[0].sha1, sha1Hex(BYTES));
  });

  test('a version uploader that is aborted leaves the file unchanged, and the next one adds the version', async () => {
    const uploaded = await files.uploadFile('0', 'kept.bin', Buffer.from('the first version'));
    const id = uploaded.entries[0].id;
    const uploader = await files.getNewVersionChunkedUploader(id, BYTES.length, BYTES, { parallelism: 1 });
    await firstChunk(uploader);
    await uploader.abort();
    assert.equal((await files.get(id)).etag, '0');

    const again = await files.getNewVersionChunkedUploader(id, BYTES.length, BYTES);
    const { entries } = await again.start();

    assert.equal(entries[0].id, id);
    assert.equal(entries[0].etag, '1');
    assert.deepEqual(await buffer(await files.getReadStream(id)), BYTES);
  });

  test('an aborted session rejects parts', async () => {
    const session = await files.createUploadSession('0', BYTES.length, 'gone.bin');
    await files.abortUploadSession(session.id);

    const part = BYTES.subarray(0, PART_SIZE);

    await assert.rejects(files.uploadPart(session.id, part, 0, BYTES.length), (error: LegacyError) =>
      [404, 410].includes(error.statusCode),
    );
  });

  test('an upload resumes after its server was killed, with only the session ID', async () => {
    const session = await files.createUploadSession('0', BYTES.length, 'resumed.bin');
    for (const part of PARTS.slice(0, 4)) await files.uploadPart(session.id, part.bytes, part.offset, BYTES.length);
    await server.kill();
    await server.restart();
    files = legacyFilesOf(server);

    const stored = await files.getUploadSessionParts(session.id);
    assert.equal(stored.total_count, 4);
    const storedOffsets = new Set(stored.entries.map((part) => part.offset));
    const missing = PARTS.filter((part) => !storedOffsets.has(part.offset));
    await Promise.all(missing.map((part) => files.uploadPart(session.id, part.bytes, part.offset, BYTES.length)));
    const { entries } = await files.commitUploadSession(session.id, sha1Base64(BYTES));

    assert.equal(missing.length, PARTS.length - 4);
    assert.equal(entries[0].sha1, sha1Hex(BYTES));
  });
});

/** Starts the uploader and resolves with its first stored part. */
function firstChunk(uploader: Uploader): Promise<void> {
  return new Promise((resolve, reject) => {
    uploader.on('chunkUploaded', () => resolve());
    uploader.on('chunkError', reject);
    // The promise of an aborted uploader never settles.
    void uploader.start();
  });
}
