import assert from 'node:assert/strict';
import { UploadsManager } from 'box-node-sdk/managers/uploads';
import { BoxRetryStrategy } from 'box-node-sdk/networking/retries';
import { seededBytes } from '../support/bytes.ts';
import { present, streamOf } from './generated/bodies.ts';
import { boxSuite, failsWith, newFile, newName } from './yardstick/box-suite.ts';

const MIB = 1024 * 1024;

boxSuite('direct uploads', {
  'a file and a version of it with another name are uploaded': async ({ client }) => {
    const { file } = await newFile({ client });
    const name = newName();

    const { entries } = await client.uploads.uploadFileVersion(file.id, {
      attributes: { name },
      file: streamOf(seededBytes(MIB, 'version')),
    });

    const version = present(entries?.[0]);
    assert.equal(version.name, name);
    assert.equal(version.id, file.id);
    await client.files.deleteFileById(version.id);
  },

  'an upload that the client cancels is rejected and leaves no file': async ({ client, network }) => {
    // Otherwise it waits and is canceled again.
    const once = network.withRetryStrategy(new BoxRetryStrategy({ maxAttempts: 0, maxRetriesOnException: 0 }));
    const uploads = new UploadsManager({ ...client.uploads, networkSession: once });
    const name = newName();
    const body = { attributes: { name, parent: { id: '0' } }, file: streamOf(seededBytes(MIB, 'cancelled')) };

    await assert.rejects(uploads.uploadFile(body, { cancellationToken: AbortSignal.abort() }), /The user aborted/);

    const items = await client.folders.getFolderItems('0');
    assert.ok(!items.entries?.some((item) => item.name === name));
  },

  'an upload with a preflight check fails if its size is negative or its name is taken, and succeeds otherwise':
    async ({ client }) => {
      const name = newName();
      const upload = (size: number) =>
        client.uploads.uploadWithPreflightCheck({
          attributes: { name, size, parent: { id: '0' } },
          file: streamOf(seededBytes(MIB, 'preflight')),
        });

      await assert.rejects(upload(-1), failsWith(400, 'invalid_file_size'));
      const file = present((await upload(MIB)).entries?.[0]);
      await assert.rejects(upload(MIB), failsWith(409, 'item_name_in_use'));

      assert.equal(file.name, name);
      assert.equal(file.size, MIB);
      await client.files.deleteFileById(file.id);
    },

  'a preflight check returns a URL': async ({ client }) => {
    const check = { name: newName(), size: MIB, parent: { id: '0' } };

    const { uploadUrl } = await client.uploads.preflightFileUploadCheck(check);

    assert.ok(present(uploadUrl).startsWith('https://'));
  },
});
