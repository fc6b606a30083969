import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { createFile, seededBytes, sha1Base64, sha1Hex, splitIntoParts } from '../../support/bytes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { isLegacyError, type LegacyError, type LegacyFiles, legacyFilesOf, type Part } from './sdk.ts';

const PART_SIZE = 65536;
const BYTES = seededBytes(9 * PART_SIZE + 4321, 'box-node-sdk 3');
const PARTS = splitIntoParts(BYTES, PART_SIZE);

describe('chunked upload with box-node-sdk 3 over TLS', () => {
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

  const download = async (fileId: string) => buffer(await files.getReadStream(fileId));

  const put = async (sessionId: string, part: { offset: number; bytes: Buffer }) =>
    (await files.uploadPart(sessionId, part.bytes, part.offset, BYTES.length)).part;

  test('getChunkedUploader uploads a file with four parts in parallel', async () => {
    const options = { parallelism: 4, fileAttributes: { content_modified_at: '2020-02-29T12:34:56Z' } };
    const uploader = await files.getChunkedUploader('0', BYTES.length, 'chunked.bin', BYTES, options);
    const uploaded: Part[] = [];
    uploader.on('chunkUploaded', ({ part }) => uploaded.push(part));

    const { total_count, entries } = await uploader.start();

    assert.equal(total_count, 1);
    assert.equal(uploaded.length, PARTS.length);
    assert.equal(entries[0].sha1, sha1Hex(BYTES));
    assert.equal(Date.parse(entries[0].content_modified_at), Date.parse('2020-02-29T12:34:56Z'));
    assert.deepEqual(await download(entries[0].id), BYTES);
  });

  test('getChunkedUploader reads from a file stream', async () => {
    const path = join(server.dataFolder, '..', 'stream.bin');
    const sha1 = await createFile(path, 5 * PART_SIZE + 1, 'stream');
    const content = createReadStream(path, { highWaterMark: PART_SIZE });
    const uploader = await files.getChunkedUploader('0', 5 * PART_SIZE + 1, 'stream.bin', content);

    const { entries } = await uploader.start();

    assert.equal(entries[0].sha1, sha1);
  });

  test('getNewVersionChunkedUploader adds a version to a file', async () => {
    const uploaded = await files.uploadFile('0', 'versions.bin', Buffer.from('the first version'));
    const uploader = await files.getNewVersionChunkedUploader(uploaded.entries[0].id, BYTES.length, BYTES);

    const { entries } = await uploader.start();

    assert.equal(entries[0].id, uploaded.entries[0].id);
    assert.equal(entries[0].etag, '1');
    assert.equal(entries[0].sha1, sha1Hex(BYTES));
  });

  test('getNewVersionChunkedUploader renames the file, like files:versions:upload --name of Box’s CLI', async () => {
    const uploaded = await files.uploadFile('0', 'before.bin', Buffer.from('the first version'));
    const options = { fileAttributes: { name: 'after.bin' } };
    const uploader = await files.getNewVersionChunkedUploader(uploaded.entries[0].id, BYTES.length, BYTES, options);

    const { entries } = await uploader.start();

    assert.deepEqual([entries[0].id, entries[0].name], [uploaded.entries[0].id, 'after.bin']);
  });

  test('uploadPart with a callback returns the stored part', async () => {
    const session = await files.createUploadSession('0', BYTES.length, 'callback.bin');
    const part = PARTS[2];
    assert.ok(part);
    const { promise, resolve } = Promise.withResolvers<{ error: LegacyError | null; answer: { part: Part } }>();

    files.uploadPart(session.id, part.bytes, part.offset, BYTES.length, (error, answer) => resolve({ error, answer }));
    const { error, answer } = await promise;

    assert.equal(error, null);
    assert.match(answer.part.part_id, /^[0-9A-F]{8}$/);
    assert.deepEqual(
      { offset: answer.part.offset, size: answer.part.size, sha1: answer.part.sha1 },
      { offset: part.offset, size: part.bytes.length, sha1: sha1Hex(part.bytes) },
    );
    await files.abortUploadSession(session.id);
  });

  test('a session accepts parts out of order, lists them in pages and is committed without a list of parts', async () => {
    const session = await files.createUploadSession('0', BYTES.length, 'by-hand.bin');
    assert.equal(session.type, 'upload_session');
    assert.equal(session.part_size, PART_SIZE);
    assert.equal(session.total_parts, PARTS.length);
    assert.equal(session.num_parts_processed, 0);

    await Promise.all(PARTS.toReversed().map((part) => put(session.id, part)));

    assert.equal((await files.getUploadSession(session.id)).num_parts_processed, PARTS.length);
    const page = await files.getUploadSessionParts(session.id, { offset: 4, limit: 3 });
    assert.deepEqual([page.offset, page.limit, page.total_count], [4, 3, PARTS.length]);
    assert.deepEqual(
      page.entries.map((part) => part.offset),
      PARTS.slice(4, 7).map((part) => part.offset),
    );

    const { entries } = await files.commitUploadSession(session.id, sha1Base64(BYTES));
    assert.equal(entries[0].name, 'by-hand.bin');
    assert.deepEqual(await download(entries[0].id), BYTES);
  });

  test('createNewVersionUploadSession sends only a size, and the commit creates a version', async () => {
    const uploaded = await files.uploadFile('0', 'again.bin', Buffer.from('the first version'));
    const session = await files.createNewVersionUploadSession(uploaded.entries[0].id, BYTES.length);
    const parts = await Promise.all(PARTS.map((part) => put(session.id, part)));

    const { entries } = await files.commitUploadSession(session.id, sha1Base64(BYTES), { parts });

    assert.equal(entries[0].id, uploaded.entries[0].id);
    assert.equal(entries[0].name, 'again.bin');
    assert.deepEqual(await download(entries[0].id), BYTES);
  });

  test('a wrong whole-file digest throws digest_mismatch, and the correct one then succeeds', async () => {
    const session = await files.createUploadSession('0', BYTES.length, 'wrong-whole.bin');
    const parts = await Promise.all(PARTS.map((part) => put(session.id, part)));
    const wrong = sha1Base64(Buffer.from('something else'));

    await assert.rejects(
      files.commitUploadSession(session.id, wrong, { parts }),
      isLegacyError(400, 'digest_mismatch'),
    );

    const { entries } = await files.commitUploadSession(session.id, sha1Base64(BYTES), { parts });
    assert.equal(entries[0].sha1, sha1Hex(BYTES));
  });

  test('other bytes for a stored range throw range_overlaps_existing_part', async () => {
    const session = await files.createUploadSession('0', BYTES.length, 'overlap.bin');
    const first = { offset: 0, bytes: BYTES.subarray(0, PART_SIZE) };
    await put(session.id, first);

    await assert.rejects(
      put(session.id, { offset: 0, bytes: seededBytes(PART_SIZE, 'other') }),
      isLegacyError(409, 'range_overlaps_existing_part'),
    );
    await files.abortUploadSession(session.id);
  });
});
