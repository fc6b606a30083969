import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { seededBytes, sha1Hex } from '../../support/bytes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { type LegacyClient, legacyIteratingClient } from './sdk.ts';

const PART_SIZE = 65_536;
const BYTES = seededBytes(3 * PART_SIZE + 4321, 'iterators');

describe('box-node-sdk 3 with iterators, as in Box’s CLI, uploading below /upload.box.com/api', () => {
  let server: TestServer;
  let client: LegacyClient;

  before(async () => {
    const env = { PARTWAY_PART_SIZE: String(PART_SIZE), PARTWAY_MIN_SESSION_SIZE: String(PART_SIZE) };
    server = await startServer({ tls: true, env });
    client = legacyIteratingClient(server);
  });
  after(() => server[Symbol.asyncDispose]());

  test('a direct upload and a new version are returned as objects, not as iterators', async () => {
    const { files } = client;
    const { entries } = await files.uploadFile('0', 'whole.bin', Buffer.from('one'));
    assert.deepEqual([entries.length, entries[0].name, entries[0].size], [1, 'whole.bin', 3]);

    const next = await files.uploadNewFileVersion(entries[0].id, Buffer.from('two'));

    assert.deepEqual([next.entries[0].id, next.entries[0].etag], [entries[0].id, '1']);
    assert.deepEqual(await buffer(await files.getReadStream(entries[0].id)), Buffer.from('two'));
  });

  test('a chunked upload uses sessions below the same prefix', async () => {
    const { files } = client;
    const session = await files.createUploadSession('0', BYTES.length, 'session.bin');
    const { upload_part: address } = (session as unknown as { session_endpoints: Record<string, string> })
      .session_endpoints;
    assert.equal(address, `${server.url}/upload.box.com/api/2.0/files/upload_sessions/${session.id}`);
    const uploader = await files.getChunkedUploader('0', BYTES.length, 'parts.bin', BYTES);
    uploader.on('chunkError', (error) => assert.fail(error));

    const { entries } = await uploader.start();

    assert.equal(entries[0].sha1, sha1Hex(BYTES));
  });
});
