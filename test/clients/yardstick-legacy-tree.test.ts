import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLegacyError } from './box-node-sdk-3/sdk.ts';
import { newName } from './yardstick/box-suite.ts';
import { type Body, legacyBoxSuite, namesIn, newLegacyFile } from './yardstick/legacy-box-suite.ts';

legacyBoxSuite('folders', (yard) => {
  test('a folder is created in another one, moved and deleted, and then returns 404', async () => {
    const { client, folder } = yard;
    const made = await client.folders.create(folder.id, newName());
    const elsewhere = await client.folders.create(folder.id, newName());
    assert.equal(made.parent.id, folder.id);

    await client.folders.move(made.id, elsewhere.id);

    const { parent, path_collection: path } = await client.folders.get(made.id);
    assert.deepEqual([parent.id, parent.name], [elsewhere.id, elsewhere.name]);
    const above = path.entries.map(({ id }: Body) => id);
    assert.deepEqual(above, ['0', folder.id, elsewhere.id]);
    await client.folders.delete(made.id);
    await assert.rejects(client.folders.get(made.id), isLegacyError(404, 'trashed'));
  });

  test('with only the name requested, a folder and the items of its list have no other fields', async () => {
    const named = await yard.client.folders.get('0', { fields: 'name' });
    assert.deepEqual([named.name, named.size, named.description], ['All Files', undefined, undefined]);

    const { entries } = await yard.client.folders.getItems('0', { fields: 'name' });

    assert.deepEqual(Object.keys(entries[0]).toSorted(), ['etag', 'id', 'name', 'type']);
  });

  test('a list continues at an offset or a marker', async () => {
    const { client, folder } = yard;
    const listed = await client.folders.create(folder.id, newName());
    for (const name of ['sample_1', 'sample_2', 'sample_3']) {
      await client.files.uploadFile(listed.id, name, Buffer.from(name));
    }

    assert.deepEqual(await namesIn(yard, listed.id, { limit: 2, offset: 1 }), ['sample_2', 'sample_3']);
    const first = await client.folders.getItems(listed.id, { limit: 2, usemarker: true });
    assert.equal(first.entries[1].name, 'sample_2');
    const query = { limit: 2, usemarker: true, marker: first.next_marker };
    assert.deepEqual(await namesIn(yard, listed.id, query), ['sample_3']);
  });

  test('a folder with subfolders is only deleted recursively', async () => {
    const { client, folder } = yard;
    const outer = await client.folders.create(folder.id, newName());
    const inner = await client.folders.create(outer.id, newName());
    await client.folders.create(inner.id, newName());
    await assert.rejects(client.folders.delete(inner.id), isLegacyError(400, 'folder_not_empty'));

    await client.folders.delete(inner.id, { recursive: true });

    assert.deepEqual(await namesIn(yard, outer.id), []);
  });
});

legacyBoxSuite('the trash', (yard) => {
  test('a folder in the trash has that status and is restored under another name', async () => {
    const { client, folder } = yard;
    const made = await client.folders.create(folder.id, newName());
    await client.folders.delete(made.id);
    const trashed = await client.folders.getTrashedFolder(made.id);
    assert.deepEqual([trashed.id, trashed.name, trashed.item_status], [made.id, made.name, 'trashed']);
    assert.ok(trashed.trashed_at);
    const name = newName();

    const restored = await client.folders.restoreFromTrash(made.id, { name });

    assert.equal(restored.name, name);
    assert.equal((await client.folders.get(made.id)).item_status, 'active');
    await assert.rejects(client.folders.getTrashedFolder(made.id), isLegacyError(404, 'not_trashed'));
    assert.ok((await namesIn(yard, folder.id)).includes(name));
  });

  test('a deleted file is in the trash and not in its folder, is restored, and is deleted permanently', async () => {
    const { client, folder } = yard;
    const file = await newLegacyFile(yard);
    await client.files.delete(file.id);
    assert.equal((await client.files.get(file.id)).item_status, 'trashed');
    assert.equal((await client.files.getTrashedFile(file.id)).name, file.name);
    assert.ok(!(await namesIn(yard, folder.id)).includes(file.name));

    await client.files.restoreFromTrash(file.id, { name: `back ${file.name}` });
    assert.ok((await namesIn(yard, folder.id)).includes(`back ${file.name}`));

    await client.files.delete(file.id);
    await client.files.deletePermanently(file.id);
    await assert.rejects(client.files.getTrashedFile(file.id), isLegacyError(404, 'not_found'));
  });

  test('the trash is listed by offset and by marker', async () => {
    const { client } = yard;
    for (let count = 0; count < 3; count += 1) await client.files.delete((await newLegacyFile(yard)).id);

    const byOffset = await client.trash.get({ limit: 2, offset: 0 });
    const byMarker = await client.trash.get({ limit: 2, usemarker: true });

    assert.equal(byOffset.entries.length, 2);
    assert.ok(byOffset.total_count >= 3);
    assert.deepEqual(byMarker.entries, byOffset.entries);
    assert.ok(byMarker.next_marker);
  });
});

legacyBoxSuite('users', (yard) => {
  test('the user of a token has an enterprise with ID and name', async () => {
    const { enterprise } = await yard.client.users.get('me', { fields: 'enterprise' });
    assert.ok(enterprise.id && enterprise.name);
  });

  test('a user is found by the start of their login, renamed, and deleted, with force if necessary', async () => {
    const { enterprise, users } = yard.client;
    const login = `${newName()}@example.com`;
    const found = async () => (await enterprise.getUsers({ filter_term: login })).entries.map(({ id }: Body) => id);
    const user = await enterprise.addUser(login, 'New user');
    assert.deepEqual([user.name, user.login, await found()], ['New user', login, [user.id]]);

    assert.equal((await users.update(user.id, { name: 'Renamed' })).name, 'Renamed');
    await users.delete(user.id, { force: true });

    assert.deepEqual(await found(), []);
  });
});
