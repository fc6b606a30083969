import assert from 'node:assert/strict';
import { hexToBase64, seededBytes, sha1Base64, splitIntoParts } from '../support/bytes.ts';
import { digestOf, partHeaders, present, streamOf } from './generated/bodies.ts';
import { boxSuite, newName } from './yardstick/box-suite.ts';

/** The smallest file that Box's tests upload in parts. */
const SIZE = 20 * 1024 * 1024;
const BYTES = seededBytes(SIZE, 'yardstick');

boxSuite('chunked uploads', {
  'a file of 20 MiB is uploaded by session ID': async ({ client: { chunkedUploads, files } }) => {
    const fileName = newName();
    const session = await chunkedUploads.createFileUploadSession({ fileName, fileSize: SIZE, folderId: '0' });
    const id = present(session.id);
    const partSize = present(session.partSize);
    assert.ok(partSize * present(session.totalParts) >= SIZE);
    assert.equal(session.numPartsProcessed, 0);

    const parts = [];
    for (const piece of splitIntoParts(BYTES, partSize)) {
      const headers = partHeaders(piece, SIZE);
      const part = present((await chunkedUploads.uploadFilePart(id, streamOf(piece.bytes), headers)).part);
      assert.equal(hexToBase64(present(part.sha1)), sha1Base64(piece.bytes));
      assert.equal(part.size, piece.bytes.length);
      assert.equal(part.offset, piece.offset);
      parts.push(part);
    }

    assert.equal((await chunkedUploads.getFileUploadSessionParts(id)).totalCount, session.totalParts);
    assert.equal((await chunkedUploads.getFileUploadSessionById(id)).id, id);
    const digest = digestOf(BYTES);
    const committed = await chunkedUploads.createFileUploadSessionCommit(id, { parts }, { digest });
    const file = present(committed?.entries?.[0]);
    assert.equal(file.name, fileName);
    await chunkedUploads.deleteFileUploadSessionById(id);
    await files.deleteFileById(file.id);
  },

  'a file of 20 MiB is uploaded by the addresses in the session': async ({ client: { chunkedUploads, files } }) => {
    const fileName = newName();
    const session = await chunkedUploads.createFileUploadSession({ fileName, fileSize: SIZE, folderId: '0' });
    const at = present(session.sessionEndpoints);

    const parts = [];
    for (const piece of splitIntoParts(BYTES, present(session.partSize))) {
      const url = present(at.uploadPart);
      const answer = await chunkedUploads.uploadFilePartByUrl(url, streamOf(piece.bytes), partHeaders(piece, SIZE));
      assert.equal(hexToBase64(present(answer.part?.sha1)), sha1Base64(piece.bytes));
      parts.push(present(answer.part));
    }

    const listed = await chunkedUploads.getFileUploadSessionPartsByUrl(present(at.listParts));
    assert.equal(listed.totalCount, session.totalParts);
    assert.equal((await chunkedUploads.getFileUploadSessionByUrl(present(at.status))).id, session.id);
    const digest = digestOf(BYTES);
    const committed = await chunkedUploads.createFileUploadSessionCommitByUrl(
      present(at.commit),
      { parts },
      { digest },
    );
    const file = present(committed?.entries?.[0]);
    assert.equal(file.name, fileName);
    await chunkedUploads.deleteFileUploadSessionByUrl(present(at.abort));
    await files.deleteFileById(file.id);
  },

  'uploadBigFile returns the file with its name, size and folder': async ({ client }) => {
    const name = newName();

    const file = await client.chunkedUploads.uploadBigFile(streamOf(BYTES), name, SIZE, '0');

    assert.deepEqual([file.name, file.size, file.parent?.id], [name, SIZE, '0']);
    await client.files.deleteFileById(file.id);
  },
});
