import assert from 'node:assert/strict';
import type { BoxClient } from 'box-node-sdk';
import { download, present, streamOf } from './generated/bodies.ts';
import { boxSuite, newFile, newName } from './yardstick/box-suite.ts';

const FIELDS = ['trashed_at', 'trashed_by', 'restored_at', 'restored_by'];

/** A file of 10 bytes with a newer version of 20 bytes and another name; the list then has only the first version. */
async function twoVersions(client: BoxClient) {
  const { file, bytes } = await newFile({ client }, 10);
  const name = newName();
  const body = { attributes: { name }, file: streamOf(Buffer.alloc(20, 'a')) };
  const second = present((await client.uploads.uploadFileVersion(file.id, body)).entries?.[0]);
  assert.deepEqual([second.name, second.size], [name, 20]);
  const versions = await client.fileVersions.getFileVersions(file.id);
  assert.equal(versions.totalCount, 1);
  return { file, bytes, past: present(versions.entries?.[0]).id };
}

boxSuite('file versions', {
  'a past version is listed, read and promoted, and the file has its name and size again': async ({ client }) => {
    const { file, bytes, past } = await twoVersions(client);
    assert.equal((await client.fileVersions.getFileVersionById(file.id, past)).id, past);

    await client.fileVersions.promoteFileVersion(file.id, { requestBody: { id: past, type: 'file_version' } });

    const promoted = await client.files.getFileById(file.id);
    assert.deepEqual([promoted.name, promoted.size], [file.name, 10]);
    assert.deepEqual(await download(client, file.id), bytes);
    await client.fileVersions.deleteFileVersionById(file.id, past);
    await client.files.deleteFileById(file.id);
  },

  'a past version is deleted and restored, with who did it and when': async ({ client }) => {
    const { file, past } = await twoVersions(client);
    const ends = async () => {
      const options = { queryParams: { fields: FIELDS } };
      const version = await client.fileVersions.getFileVersionById(file.id, past, options);
      const { trashedAt, trashedBy, restoredAt, restoredBy } = version;
      return [trashedAt, trashedBy, restoredAt, restoredBy].map((end) => end !== undefined && end !== null);
    };
    assert.deepEqual(await ends(), [false, false, false, false]);

    await client.fileVersions.deleteFileVersionById(file.id, past);
    assert.deepEqual(await ends(), [true, true, false, false]);

    await client.fileVersions.updateFileVersionById(file.id, past, { requestBody: { trashedAt: null } });
    assert.deepEqual(await ends(), [false, false, true, true]);

    await client.fileVersions.deleteFileVersionById(file.id, past);
    await client.files.deleteFileById(file.id);
  },
});
