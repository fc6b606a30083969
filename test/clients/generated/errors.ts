import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { seededBytes, sha1Hex, splitIntoParts } from '../../support/bytes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { digestOf, download, partHeaders, present, streamOf } from './bodies.ts';
import { type GeneratedClient, type GeneratedSdk, getBoxError, hasCode } from './sdk.ts';

const PART_SIZE = 65536;
const BYTES = seededBytes(3 * PART_SIZE + 99, 'refusals');
const PARTS = splitIntoParts(BYTES, PART_SIZE);

export function testErrors(sdk: GeneratedSdk): void {
  describe(`errors that ${sdk.name} throws`, () => {
    let server: TestServer;
    let client: GeneratedClient;

    before(async () => {
      server = await startServer({
        env: { PARTWAY_PART_SIZE: String(PART_SIZE), PARTWAY_MIN_SESSION_SIZE: String(PART_SIZE) },
      });
      client = sdk.connect(server);
    });
    after(() => server[Symbol.asyncDispose]());

    const open = async (name: string) => {
      const body = { fileName: name, fileSize: BYTES.length, folderId: '0' };
      return present((await client.chunkedUploads.createFileUploadSession(body)).id);
    };

    const put = async (
      id: string,
      part: { offset: number; bytes: Buffer },
      headers = partHeaders(part, BYTES.length),
    ) => present((await client.chunkedUploads.uploadFilePart(id, streamOf(part.bytes), headers)).part);

    const uploadAllParts = async (id: string) => {
      const stored = [];
      for (const part of PARTS) stored.push(await put(id, part));
      return stored;
    };

    const statusOf = (error: Error) => sdk.getResponse(error)?.statusCode ?? 0;

    const storedCount = async (id: string) => (await client.chunkedUploads.getFileUploadSessionParts(id)).totalCount;

    test('a part whose bytes do not match its digest is digest_mismatch and is not stored', async () => {
      const id = await open('wrong-part-digest.bin');
      const [first, second] = [present(PARTS[0]), present(PARTS[1])];
      const headers = { ...partHeaders(first, BYTES.length), digest: digestOf(second.bytes) };

      await assert.rejects(put(id, first, headers), hasCode(sdk, 400, 'digest_mismatch'));

      assert.equal(await storedCount(id), 0);
      assert.equal((await put(id, first)).sha1, sha1Hex(first.bytes), 'the correct bytes are accepted afterwards');
    });

    test('a wrong whole-file digest is digest_mismatch; the session stays open and can be committed', async () => {
      const id = await open('wrong-whole-digest.bin');
      const parts = await uploadAllParts(id);
      const commit = (digest: string) => client.chunkedUploads.createFileUploadSessionCommit(id, { parts }, { digest });
      const wrong = digestOf(Buffer.from('something else'));

      await assert.rejects(commit(wrong), (error: Error) => {
        const { message } = getBoxError(sdk, error, 400, 'digest_mismatch');
        assert.ok(message.includes(wrong.slice('sha='.length)), 'the message has the digest given');
        assert.ok(message.includes(digestOf(BYTES).slice('sha='.length)), 'and the actual digest');
        return true;
      });

      const file = present((await commit(digestOf(BYTES)))?.entries?.[0]);
      assert.deepEqual(await download(client, file.id), BYTES);
    });

    test('a commit with a part that was not stored is parts_mismatch; it succeeds after the part is stored', async () => {
      const id = await open('missing-part.bin');
      const [first, ...others] = PARTS;
      const stored: Awaited<ReturnType<typeof put>>[] = [];
      for (const part of others) stored.push(await put(id, part));
      const absent = { partId: '0BADF00D', offset: 0, size: PART_SIZE, sha1: sha1Hex(present(first).bytes) };
      const digest = digestOf(BYTES);
      const commit = (parts: typeof stored) =>
        client.chunkedUploads.createFileUploadSessionCommit(id, { parts }, { digest });

      await assert.rejects(commit([absent, ...stored]), hasCode(sdk, 400, 'parts_mismatch'));
      await assert.rejects(commit(stored), (error: Error) => statusOf(error) === 400);

      const late = await put(id, present(first));
      assert.equal((await commit([late, ...stored]))?.entries?.[0]?.sha1, sha1Hex(BYTES));
    });

    test('other bytes for a stored range are range_overlaps_existing_part; the same bytes return the same part', async () => {
      const id = await open('overlap.bin');
      const part = present(PARTS[1]);
      const stored = await put(id, part);
      const other = { offset: part.offset, bytes: seededBytes(PART_SIZE, 'other bytes') };

      await assert.rejects(put(id, other), hasCode(sdk, 409, 'range_overlaps_existing_part'));

      assert.deepEqual((await put(id, part)).rawData, stored.rawData);
    });

    test('a range outside the part layout or with another total is 416', async () => {
      const id = await open('off-grid.bin');
      const part = present(PARTS[0]);
      const headers = partHeaders(part, BYTES.length);
      const shifted = { ...headers, contentRange: `bytes 1-${PART_SIZE}/${BYTES.length}` };
      const otherTotal = { ...headers, contentRange: `bytes 0-${PART_SIZE - 1}/${BYTES.length + 1}` };

      for (const wrong of [shifted, otherTotal]) {
        await assert.rejects(put(id, part, wrong), (error: Error) => statusOf(error) === 416);
      }
      assert.equal(await storedCount(id), 0);
    });

    test('an aborted session no longer exists, and no file is created', async () => {
      const id = await open('aborted.bin');
      await put(id, present(PARTS[0]));

      await client.chunkedUploads.deleteFileUploadSessionById(id);

      await assert.rejects(put(id, present(PARTS[1])), (error: Error) => [404, 410].includes(statusOf(error)));
      const items = await client.folders.getFolderItems('0');
      assert.ok(!present(items.entries).some((item) => item.name === 'aborted.bin'));
    });

    test('a session that never existed is 404 upload_session_not_found', async () => {
      const never = '0123456789ABCDEF0123456789ABCDEF';

      await assert.rejects(
        client.chunkedUploads.getFileUploadSessionById(never),
        hasCode(sdk, 404, 'upload_session_not_found'),
      );
      await assert.rejects(put(never, present(PARTS[0])), hasCode(sdk, 404, 'upload_session_not_found'));
    });

    test('a taken name is item_name_in_use, with the existing file as one object', async () => {
      const file = await client.chunkedUploads.uploadBigFile(streamOf(BYTES), 'taken.bin', BYTES.length, '0');

      await assert.rejects(open('TAKEN.bin'), (error: unknown) => {
        const refusal = getBoxError(sdk, error, 409, 'item_name_in_use');
        assert.equal(refusal.context_info?.conflicts?.id, file.id);
        return true;
      });
    });

    test('a file too small for a session is file_size_too_small', async () => {
      const body = { fileName: 'small.bin', fileSize: PART_SIZE - 1, folderId: '0' };

      await assert.rejects(
        client.chunkedUploads.createFileUploadSession(body),
        hasCode(sdk, 400, 'file_size_too_small'),
      );
    });

    test('an invalid token makes the SDK request a new one', async () => {
      const stranger = sdk.connect(server, 'not-the-token');

      await assert.rejects(stranger.users.getUserMe(), (error: unknown) => {
        assert.ok(sdk.isSdkError(error));
        assert.match(error.message, /provide a new one/);
        return true;
      });
    });
  });
}
