import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { download, present } from './generated/bodies.ts';
import { boxSuite, newFile, newName } from './yardstick/box-suite.ts';

boxSuite('files', {
  'a thumbnail has an https URL': async ({ client }) => {
    const { file } = await newFile({ client });

    assert.ok((await client.files.getFileThumbnailUrl(file.id, 'png')).includes('https://'));
  },

  'a thumbnail is not the file': async ({ client }) => {
    const { file, bytes } = await newFile({ client });

    const thumbnail = await buffer(present(await client.files.getFileThumbnailById(file.id, 'png')));

    assert.ok(!thumbnail.equals(bytes));
  },

  'is_externally_owned and has_collaborations can be requested and are false': async ({ client }) => {
    const { file } = await newFile({ client });

    const found = await client.files.getFileById(file.id, {
      queryParams: { fields: ['is_externally_owned', 'has_collaborations'] },
    });

    assert.deepEqual([found.isExternallyOwned, found.hasCollaborations], [false, false]);
  },

  'a file is found, is not sent again if its etag is given, and is in the trash after it is deleted': async ({
    client,
  }) => {
    const { file } = await newFile({ client });
    const found = await client.files.getFileById(file.id);
    const again = client.files.getFileById(file.id, {
      queryParams: { fields: ['name'] },
      headers: { extraHeaders: { 'if-none-match': present(found.etag) } },
    });
    await assert.rejects(again, /Unable to follow redirect/);
    assert.equal(found.name, file.name);

    await client.files.deleteFileById(file.id);

    assert.equal((await client.trashedFiles.getTrashedFileById(file.id)).id, file.id);
  },

  'a file gets a new name and a description': async ({ client }) => {
    const { file } = await newFile({ client });
    const requestBody = { name: newName(), description: 'Updated description' };

    const updated = await client.files.updateFileById(file.id, { requestBody });

    assert.deepEqual([updated.name, updated.description], [requestBody.name, requestBody.description]);
  },

  'a file is locked and unlocked': async ({ client }) => {
    const { file } = await newFile({ client });
    const update = (lock: { access: 'lock' } | null) =>
      client.files.updateFileById(file.id, { requestBody: { lock }, queryParams: { fields: ['lock'] } });

    const locked = await update({ access: 'lock' });
    const unlocked = await update(null);

    assert.ok(locked.lock);
    assert.ok(!unlocked.lock);
    await client.files.deleteFileById(file.id);
  },

  'a file is copied with another name': async ({ client }) => {
    const { file, bytes } = await newFile({ client });
    const name = newName();

    const copy = await client.files.copyFile(file.id, { parent: { id: '0' }, name });

    assert.deepEqual([copy.parent?.id, copy.name], ['0', name]);
    await client.files.deleteFileById(file.id);
    assert.deepEqual(await download(client, copy.id), bytes);
  },
});
