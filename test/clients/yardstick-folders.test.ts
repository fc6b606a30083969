import assert from 'node:assert/strict';
import { boxSuite, failsWith, newFolder, newName } from './yardstick/box-suite.ts';

boxSuite('folders', {
  'the root folder is 0, All Files': async ({ client }) => {
    const { id, name, type } = await client.folders.getFolderById('0');

    assert.deepEqual([id, name, type], ['0', 'All Files', 'folder']);
  },

  'has_collaborations and tags can be requested': async ({ client }) => {
    const options = { queryParams: { fields: ['has_collaborations', 'tags'] } };

    const root = await client.folders.getFolderById('0', options);

    assert.equal(root.id, '0');
    assert.equal(root.hasCollaborations, false);
    assert.deepEqual(root.tags, []);
  },

  'a folder is created and deleted, and then not found': async ({ client }) => {
    const folder = await newFolder({ client });
    assert.equal((await client.folders.getFolderById(folder.id)).name, folder.name);

    await client.folders.deleteFolderById(folder.id);

    await assert.rejects(client.folders.getFolderById(folder.id), failsWith(404, 'trashed'));
  },

  'a folder gets a new name and a description': async ({ client }) => {
    const folder = await newFolder({ client });
    const requestBody = { name: newName(), description: 'Updated description' };

    const updated = await client.folders.updateFolderById(folder.id, { requestBody });

    assert.deepEqual([updated.name, updated.description], [requestBody.name, requestBody.description]);
    await client.folders.deleteFolderById(folder.id);
  },

  'a folder is copied, and the copy is moved, renamed and listed in its new folder': async ({ client }) => {
    const origin = await newFolder({ client });
    const copy = await client.folders.copyFolder(origin.id, { parent: { id: '0' }, name: newName() });
    assert.equal(copy.parent?.id, '0');
    const name = newName();

    const requestBody = { name, parent: { id: origin.id } };
    const moved = await client.folders.updateFolderById(copy.id, { requestBody });

    assert.equal(moved.parent?.id, origin.id);
    const items = await client.folders.getFolderItems(origin.id);
    assert.equal(items.entries?.[0]?.id, moved.id);
    assert.equal(items.entries?.[0]?.name, name);
    await client.folders.deleteFolderById(moved.id);
    await client.folders.deleteFolderById(origin.id);
  },
});
