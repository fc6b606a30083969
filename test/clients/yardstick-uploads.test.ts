import assert from 'node:assert/strict';
import { UploadsManager } from 'box-node-sdk/managers/uploads';
import { BoxRetryStrategy } from 'box-node-sdk/networking/retries';
import { seededBytes } from '../support/bytes.ts';
import { given, streamOf } from './generated/bodies.ts';
import { answered, boxSuite, newFile, newName } from './yardstick/box-suite.ts';

const MIB = 1024 * 1024;

boxSuite('direct uploads', {
  'a file is uploaded, and a version of it under another name': async ({ client }) => {
    const { file } = await newFile({ client });
    const name = newName();

    const { entries } = await client.uploads.uploadFileVersion(file.id, {
      attributes: { name },
      file: streamOf(seededBytes(MIB, 'version')),
    });

    const version = given(entries?.[0]);
    assert.equal(version.name, name);
    assert.equal(version.id, file.id);
    await client.files.deleteFileById(version.id);
  },

  'an upload that the client cancels is rejected, and leaves no file': async ({ client, network }) => {
    // Else it waits, and is cancelled again.
    const once = network.withRetryStrategy(new BoxRetryStrategy({ maxAttempts: 0, maxRetriesOnException: 0 }));
    const uploads = new UploadsManager({ ...client.uploads, networkSession: once });
    const name = newName();
    const body = { attributes: { name, parent: { id: '0' } }, file: streamOf(seededBytes(MIB, 'cancelled')) };

    await assert.rejects(uploads.uploadFile(body, { cancellationToken: AbortSignal.abort() }), /The user aborted/);

    const items = await client.folders.getFolderItems('0');
    assert.ok(!items.entries?.some((item) => item.name === name));
  },

  'an upload with a preflight check fails with a size below zero and with a taken name, else it works': async ({
    client,
  }) => {
    const name = newName();
    const upload = (size: number) =>
      client.uploads.uploadWithPreflightCheck({
        attributes: { name, size, parent: { id: '0' } },
        file: streamOf(seededBytes(MIB, 'preflight')),
      });

    await assert.rejects(upload(-1), answered(400, 'invalid_file_size'));
    const file = given((await upload(MIB)).entries?.[0]);
    await assert.rejects(upload(MIB), answered(409, 'item_name_in_use'));

    assert.equal(file.name, name);
    assert.equal(file.size, MIB);
    await client.files.deleteFileById(file.id);
  },

  'a preflight check gives an address': async ({ client }) => {
    const check = { name: newName(), size: MIB, parent: { id: '0' } };

    const { uploadUrl } = await client.uploads.preflightFileUploadCheck(check);

    assert.ok(given(uploadUrl).startsWith('https://'));
  },
});
