import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { seededBytes, sha1Hex, splitIntoParts } from '../../support/bytes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { digestOf, download, partHeaders, present, streamOf } from './bodies.ts';
import type { GeneratedClient, GeneratedSdk } from './sdk.ts';

const PART_SIZE = 65536;
const FILE_SIZE = 5 * PART_SIZE + 1234;

export function testChunkedUploads(sdk: GeneratedSdk): void {
  describe(`chunked upload with ${sdk.name}`, () => {
    let server: TestServer;
    let client: GeneratedClient;

    before(async () => {
      server = await startServer({
        env: { PARTWAY_PART_SIZE: String(PART_SIZE), PARTWAY_MIN_SESSION_SIZE: String(PART_SIZE) },
      });
      client = sdk.connect(server);
    });
    after(() => server[Symbol.asyncDispose]());

    const createSession = (name: string, fileSize = FILE_SIZE) =>
      client.chunkedUploads.createFileUploadSession({ fileName: name, fileSize, folderId: '0' });

    const uploadParts = async (sessionId: string, bytes: Buffer) => {
      const uploaded = [];
      for (const part of splitIntoParts(bytes, PART_SIZE)) {
        const headers = partHeaders(part, bytes.length);
        const { part: answer } = await client.chunkedUploads.uploadFilePart(sessionId, streamOf(part.bytes), headers);
        uploaded.push(present(answer));
      }
      return uploaded;
    };

    test('uploadBigFile uploads a file of six parts, which is downloaded byte for byte', async () => {
      const bytes = seededBytes(FILE_SIZE, 'uploadBigFile');

      const file = await client.chunkedUploads.uploadBigFile(streamOf(bytes), 'big.bin', bytes.length, '0');

      assert.equal(file.name, 'big.bin');
      assert.equal(file.size, bytes.length);
      assert.equal(file.sha1, sha1Hex(bytes));
      assert.equal(file.parent?.id, '0');
      assert.deepEqual(await download(client, file.id), bytes);
      await client.files.deleteFileById(file.id);
    });

    test('uploadBigFile uploads a file that fills its last part exactly', async () => {
      const bytes = seededBytes(3 * PART_SIZE, 'exact');

      const file = await client.chunkedUploads.uploadBigFile(streamOf(bytes), 'exact.bin', bytes.length, '0');

      assert.equal(file.sha1, sha1Hex(bytes));
      assert.deepEqual(await download(client, file.id), bytes);
    });

    test('every chunked upload call works by session ID', async () => {
      const bytes = seededBytes(FILE_SIZE, 'by id');
      const session = await createSession('by-id.bin');
      const id = present(session.id);
      assert.match(id, /^[0-9A-F]{32}$/);
      assert.equal(session.type, 'upload_session');
      assert.equal(session.partSize, PART_SIZE);
      assert.equal(session.totalParts, 6);
      assert.equal(session.numPartsProcessed, 0);
      assert.ok(present(session.sessionExpiresAt).value.getTime() > Date.now());

      const parts = [];
      for (const part of splitIntoParts(bytes, PART_SIZE)) {
        const headers = partHeaders(part, FILE_SIZE);
        const answer = await client.chunkedUploads.uploadFilePart(id, streamOf(part.bytes), headers);
        const stored = present(answer.part);
        assert.equal(stored.sha1, sha1Hex(part.bytes));
        assert.equal(stored.offset, part.offset);
        assert.equal(stored.size, part.bytes.length);
        assert.match(present(stored.partId), /^[0-9A-F]{8}$/);
        parts.push(stored);
      }

      const listed = await client.chunkedUploads.getFileUploadSessionParts(id);
      assert.equal(listed.totalCount, session.totalParts);
      assert.deepEqual(present(listed.entries).map(key), parts.map(key));
      const status = await client.chunkedUploads.getFileUploadSessionById(id);
      assert.equal(status.id, id);
      assert.equal(status.numPartsProcessed, session.totalParts);

      const committed = await client.chunkedUploads.createFileUploadSessionCommit(
        id,
        { parts },
        { digest: digestOf(bytes) },
      );
      assert.equal(committed?.totalCount, 1);
      const file = present(committed?.entries?.[0]);
      assert.equal(file.name, 'by-id.bin');
      assert.equal(file.etag, '0');
      assert.deepEqual(await download(client, file.id), bytes);

      await client.chunkedUploads.deleteFileUploadSessionById(id);
      assert.equal((await client.files.getFileById(file.id)).sha1, sha1Hex(bytes), 'the committed file remains');
    });

    test('every chunked upload call works by the addresses in session_endpoints', async () => {
      const bytes = seededBytes(FILE_SIZE, 'by url');
      const session = await createSession('by-url.bin');
      const endpoints = present(session.sessionEndpoints);
      for (const address of ['uploadPart', 'commit', 'abort', 'listParts', 'status', 'logEvent'] as const) {
        assert.ok(
          present(endpoints[address]).startsWith(`${server.url}/`),
          `${address} is absolute, with the host of the request`,
        );
      }

      const parts = [];
      for (const part of splitIntoParts(bytes, PART_SIZE)) {
        const headers = partHeaders(part, FILE_SIZE);
        const url = present(endpoints.uploadPart);
        const answer = await client.chunkedUploads.uploadFilePartByUrl(url, streamOf(part.bytes), headers);
        assert.equal(answer.part?.sha1, sha1Hex(part.bytes));
        parts.push(present(answer.part));
      }

      const listed = await client.chunkedUploads.getFileUploadSessionPartsByUrl(present(endpoints.listParts));
      assert.equal(listed.totalCount, session.totalParts);
      const status = await client.chunkedUploads.getFileUploadSessionByUrl(present(endpoints.status));
      assert.equal(status.id, session.id);

      const committed = await client.chunkedUploads.createFileUploadSessionCommitByUrl(
        present(endpoints.commit),
        { parts },
        { digest: digestOf(bytes) },
      );
      const file = present(committed?.entries?.[0]);
      assert.equal(file.name, 'by-url.bin');
      assert.deepEqual(await download(client, file.id), bytes);
      await client.chunkedUploads.deleteFileUploadSessionByUrl(present(endpoints.abort));
    });

    test('parts can arrive in reverse order; the list is in file order and can be read in pages', async () => {
      const bytes = seededBytes(FILE_SIZE, 'backwards');
      const id = present((await createSession('backwards.bin')).id);
      for (const part of splitIntoParts(bytes, PART_SIZE).reverse()) {
        const headers = partHeaders(part, FILE_SIZE);
        await client.chunkedUploads.uploadFilePart(id, streamOf(part.bytes), headers);
      }

      const page = await client.chunkedUploads.getFileUploadSessionParts(id, { queryParams: { offset: 2, limit: 3 } });

      assert.equal(page.totalCount, 6, 'total_count counts all stored parts, not those of the page');
      assert.equal(page.offset, 2);
      assert.equal(page.limit, 3);
      assert.deepEqual(
        present(page.entries).map((part) => part.offset),
        [2, 3, 4].map((index) => index * PART_SIZE),
      );
      const all = present((await client.chunkedUploads.getFileUploadSessionParts(id)).entries);
      await client.chunkedUploads.createFileUploadSessionCommit(id, { parts: all }, { digest: digestOf(bytes) });
    });

    test('a session for an existing file adds a version and keeps the file ID', async () => {
      const first = seededBytes(FILE_SIZE, 'version one');
      const second = seededBytes(FILE_SIZE + 777, 'version two');
      const file = await client.chunkedUploads.uploadBigFile(streamOf(first), 'versions.bin', first.length, '0');

      const session = await client.chunkedUploads.createFileUploadSessionForExistingFile(file.id, {
        fileSize: second.length,
      });
      const id = present(session.id);
      const parts = await uploadParts(id, second);
      const digest = digestOf(second);
      const committed = await client.chunkedUploads.createFileUploadSessionCommit(id, { parts }, { digest });

      const changed = present(committed?.entries?.[0]);
      assert.equal(changed.id, file.id);
      assert.equal(changed.name, 'versions.bin');
      assert.equal(changed.etag, '1');
      assert.notEqual(changed.fileVersion?.id, file.fileVersion?.id);
      assert.deepEqual(await download(client, file.id), second);
    });

    test('a session for an existing file can rename it', async () => {
      const bytes = seededBytes(FILE_SIZE, 'renamed');
      const file = await client.chunkedUploads.uploadBigFile(streamOf(bytes), 'old-name.bin', bytes.length, '0');

      const session = await client.chunkedUploads.createFileUploadSessionForExistingFile(file.id, {
        fileSize: bytes.length,
        fileName: 'new-name.bin',
      });
      const parts = await uploadParts(present(session.id), bytes);
      const digest = digestOf(bytes);
      await client.chunkedUploads.createFileUploadSessionCommit(
        present(session.id),
        { parts },
        { digest, ifMatch: '0' },
      );

      assert.equal((await client.files.getFileById(file.id)).name, 'new-name.bin');
    });

    test('a commit resent after a lost response returns the same file', async () => {
      const bytes = seededBytes(FILE_SIZE, 'resent commit');
      const id = present((await createSession('resent.bin')).id);
      const parts = await uploadParts(id, bytes);
      const commit = () =>
        client.chunkedUploads.createFileUploadSessionCommit(id, { parts }, { digest: digestOf(bytes) });

      const first = await commit();
      const second = await commit();

      assert.deepEqual(second?.rawData, first?.rawData);
    });
  });

  describe(`chunked upload with ${sdk.name} and the server's defaults`, () => {
    test('uploadBigFile uploads a file of more than 20 MB in parts of 8 MiB', async () => {
      await using server = await startServer();
      const client = sdk.connect(server);
      const bytes = seededBytes(21_234_567, 'defaults');
      const size = bytes.length;

      const session = await client.chunkedUploads.createFileUploadSession({
        fileName: 'defaults.bin',
        fileSize: size,
        folderId: '0',
      });
      assert.equal(session.partSize, 8 * 1024 * 1024);
      assert.equal(session.totalParts, 3);
      await client.chunkedUploads.deleteFileUploadSessionById(present(session.id));

      const file = await client.chunkedUploads.uploadBigFile(streamOf(bytes), 'defaults.bin', size, '0');

      assert.equal(file.size, size);
      assert.equal(file.sha1, sha1Hex(bytes));
      assert.ok(bytes.equals(await download(client, file.id)), 'the downloaded bytes are the same');
    });
  });
}

function key(part: { partId?: string; offset?: number; size?: number; sha1?: string }) {
  return [part.partId, part.offset, part.size, part.sha1];
}
