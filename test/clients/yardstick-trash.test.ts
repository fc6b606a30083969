import assert from 'node:assert/strict';
import { present } from './generated/bodies.ts';
import { boxSuite, failsWith, newFile, newFolder } from './yardstick/box-suite.ts';

boxSuite('the trash', {
  'a deleted file is in the trash, is restored, and is deleted permanently': async ({ client }) => {
    const { file } = await newFile({ client });
    await client.files.deleteFileById(file.id);
    const trashed = await client.trashedFiles.getTrashedFileById(file.id);
    assert.deepEqual([trashed.id, trashed.name], [file.id, file.name]);
    assert.equal((await client.files.getFileById(file.id)).itemStatus, 'trashed');

    const restored = await client.trashedFiles.restoreFileFromTrash(file.id);

    const found = await client.files.getFileById(file.id);
    assert.deepEqual([restored.id, restored.name, found.itemStatus], [found.id, found.name, 'active']);
    await client.files.deleteFileById(file.id);
    await client.trashedFiles.deleteTrashedFileById(file.id);
    await assert.rejects(client.trashedFiles.getTrashedFileById(file.id), failsWith(404, 'not_found'));
  },

  'a deleted folder is only in the trash, is restored, and is deleted permanently': async ({ client }) => {
    const folder = await newFolder({ client });
    await client.folders.deleteFolderById(folder.id);
    const trashed = await client.trashedFolders.getTrashedFolderById(folder.id);
    assert.deepEqual([trashed.id, trashed.name], [folder.id, folder.name]);
    await assert.rejects(client.folders.getFolderById(folder.id), failsWith(404, 'trashed'));

    const restored = await client.trashedFolders.restoreFolderFromTrash(folder.id);

    const found = await client.folders.getFolderById(folder.id);
    assert.deepEqual([restored.id, restored.name], [found.id, found.name]);
    await client.folders.deleteFolderById(folder.id);
    await client.trashedFolders.deleteTrashedFolderById(folder.id);
    await assert.rejects(client.trashedFolders.getTrashedFolderById(folder.id), failsWith(404, 'not_found'));
  },

  'the trash is listed': async ({ client }) => {
    const { file } = await newFile({ client });
    await client.files.deleteFileById(file.id);

    const items = await client.trashedItems.getTrashedItems();

    assert.ok(present(items.entries).some((item) => item.id === file.id));
  },
});
