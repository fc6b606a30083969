import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addApp, addUser, getUserToken } from '../support/accounts.ts';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { upload } from './forms.ts';

let server: TestServer;
let api: Api;

before(async () => {
  server = await startServer();
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

async function createFolder(name: string, parent = '0') {
  const answer = await api.post('/folders', { name, parent: { id: parent } });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

function assertRejected(
  answer: { status: number; json: { code: string; type: string } },
  status: number,
  code: string,
) {
  assert.deepEqual([answer.status, answer.json.type, answer.json.code], [status, 'error', code]);
}

test('the root folder is "0", is called "All Files" and has no etag and no parent', async () => {
  const { status, json } = await api.get('/folders/0');

  assert.equal(status, 200);
  assert.deepEqual(
    [json.type, json.id, json.name, json.etag, json.sequence_id],
    ['folder', '0', 'All Files', null, null],
  );
  assert.deepEqual([json.parent, json.path_collection], [null, { total_count: 0, entries: [] }]);
  assert.deepEqual(json.item_collection.order[0], { by: 'type', direction: 'ASC' });
});

test('a new folder has the fields that clients parse', async () => {
  const outer = await createFolder('outer');
  const folder = await createFolder('inner', outer.id);

  assert.match(folder.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const root = { type: 'folder', id: '0', sequence_id: null, etag: null, name: 'All Files' };
  const mini = { type: 'folder', id: outer.id, sequence_id: '0', etag: '0', name: 'outer' };
  assert.deepEqual(folder.path_collection, { total_count: 2, entries: [root, mini] });
  assert.deepEqual(folder.parent, mini);
  assert.deepEqual(
    [folder.etag, folder.sequence_id, folder.item_status, folder.shared_link, folder.trashed_at, folder.size],
    ['0', '0', 'active', null, null, 0],
  );
  assert.equal(folder.owned_by.type, 'user');
  const { json } = await api.get(`/folders/${folder.id}`);
  assert.deepEqual(json, folder);
});

test('a request with fields gets type, id, etag and these fields of a folder, and nothing else', async () => {
  const folder = await createFolder('fields');

  const { json } = await api.get(`/folders/${folder.id}?fields=name,item_status,no_such_field`);

  assert.deepEqual(json, { type: 'folder', id: folder.id, etag: '0', name: 'fields', item_status: 'active' });
});

test('a second folder with the same name is rejected, with the first one in an array', async () => {
  const folder = await createFolder('Twice');

  const answer = await api.post('/folders', { name: 'tWICE', parent: { id: '0' } });

  assertRejected(answer, 409, 'item_name_in_use');
  assert.deepEqual(answer.json.context_info.conflicts, [
    { type: 'folder', id: folder.id, sequence_id: '0', etag: '0', name: 'Twice' },
  ]);
});

test('a folder without a name, with an invalid one or in an unknown folder is rejected', async () => {
  const post = (body: unknown) => api.post('/folders', body);

  assertRejected(await post({ parent: { id: '0' } }), 400, 'bad_request');
  assertRejected(await post({ name: 'a' }), 400, 'bad_request');
  assertRejected(await post({ name: 'a/b', parent: { id: '0' } }), 400, 'item_name_invalid');
  assertRejected(await post({ name: 'a'.repeat(256), parent: { id: '0' } }), 400, 'item_name_too_long');
  assertRejected(await post({ name: 'a', parent: { id: '12345' } }), 404, 'not_found');
  assertRejected(await post({ name: 'a', parent: { id: '../1' } }), 400, 'invalid_folder_id');
  assertRejected(await post('{"name":'), 400, 'bad_request');
});

test('the items of a folder are listed by offset, folders first, each with its status', async () => {
  const folder = await createFolder('by offset');
  const file = await upload(api, 'a.txt', 'a', folder.id);
  const inner = await createFolder('z', folder.id);

  const { json } = await api.get(`/folders/${folder.id}/items`);

  assert.deepEqual([json.total_count, json.offset, json.limit, json.order.length], [2, 0, 100, 2]);
  assert.deepEqual(json.entries, [
    { type: 'folder', id: inner.id, sequence_id: '0', etag: '0', name: 'z', item_status: 'active' },
    {
      type: 'file',
      id: file.id,
      file_version: file.file_version,
      sequence_id: '0',
      etag: '0',
      sha1: file.sha1,
      name: 'a.txt',
      item_status: 'active',
    },
  ]);
  const second = await api.get(`/folders/${folder.id}/items?offset=1&limit=5000&fields=size,parent`);
  assert.deepEqual([second.json.total_count, second.json.offset, second.json.limit], [2, 1, 1000]);
  assert.deepEqual(second.json.entries, [{ type: 'file', id: file.id, etag: '0', size: 1, parent: file.parent }]);
});

test('the items of a folder are listed by marker until the list ends', async () => {
  const folder = await createFolder('by marker');
  for (const name of ['c', 'ä', 'b']) await upload(api, name, name, folder.id);

  const first = await api.get(`/folders/${folder.id}/items?usemarker=true&limit=2`);
  const marker = encodeURIComponent(first.json.next_marker);
  const second = await api.get(`/folders/${folder.id}/items?usemarker=true&limit=2&marker=${marker}`);

  const names = [...first.json.entries, ...second.json.entries].map(({ name }) => name);
  assert.deepEqual(names, ['b', 'c', 'ä']);
  assert.ok(Array.isArray(first.json.order));
  assert.ok(!('next_marker' in second.json));
  assertRejected(await api.get(`/folders/${folder.id}/items?marker=made-up`), 400, 'bad_request');
  assertRejected(await api.get(`/folders/${folder.id}/items?limit=x`), 400, 'invalid_limit');
  assertRejected(await api.get(`/folders/${folder.id}/items?offset=-1`), 400, 'invalid_offset');
});

test('a deleted folder is in the trash: its name is free, and neither the folder nor its contents can be read', async () => {
  const folder = await createFolder('to be deleted');
  const file = await upload(api, 'a.txt', 'a', folder.id);

  assertRejected(await api.delete(`/folders/${folder.id}`), 400, 'folder_not_empty');
  const answer = await api.delete(`/folders/${folder.id}?recursive=true`);

  assert.deepEqual([answer.status, answer.text], [204, '']);
  assertRejected(await api.get(`/folders/${folder.id}`), 404, 'trashed');
  assertRejected(await api.get(`/folders/${folder.id}/items`), 404, 'trashed');
  assertRejected(await api.delete(`/folders/${folder.id}`), 404, 'trashed');
  assert.equal((await api.get(`/files/${file.id}`)).json.item_status, 'trashed');
  assertRejected(await api.get(`/files/${file.id}/content`), 404, 'trashed');
  await createFolder('to be deleted');
});

test('the root folder cannot be deleted', async () => {
  const answer = await api.delete('/folders/0?recursive=true');

  assertRejected(answer, 403, 'access_denied_insufficient_permissions');
});

test('folders respect If-Match and If-None-Match', async () => {
  const folder = await createFolder('held');
  const get = (tag: string) => api.get(`/folders/${folder.id}`, { headers: { 'if-none-match': tag } });

  assert.deepEqual([(await get('0')).status, (await get('"0"')).text, (await get('1')).status], [304, '', 200]);
  for (const tags of ['*', 'W/"0"', '"7", "0"']) assert.equal((await get(tags)).status, 304, tags);
  for (const tags of ['1', '"1", "2"']) {
    assertRejected(await api.delete(`/folders/${folder.id}`, { 'if-match': tags }), 412, 'precondition_failed');
  }
  assertRejected(await api.delete('/folders/12345', { 'if-match': '1' }), 412, 'precondition_failed');
  assert.equal((await api.delete(`/folders/${folder.id}`, { 'if-match': '"9", "0"' })).status, 204);
});

test("another user's folders and files are not found by any call", async () => {
  const folder = await createFolder('private');
  const file = await upload(api, 'private.txt', 'secret', folder.id);
  const app = await addApp(server);
  const token = await getUserToken(server, app, await addUser(server, 'stranger@partway.test'));
  const otherUser = new Api({ url: server.url, token });

  for (const answer of [
    await otherUser.get(`/folders/${folder.id}`),
    await otherUser.get(`/folders/${folder.id}/items`),
    await otherUser.delete(`/folders/${folder.id}?recursive=true`),
    await otherUser.post('/folders', { name: 'mine', parent: { id: folder.id } }),
    await otherUser.get(`/files/${file.id}`),
    await otherUser.get(`/files/${file.id}/content`),
    await otherUser.delete(`/files/${file.id}`),
    await otherUser.call('OPTIONS', '/files/content', { body: { name: 'a', parent: { id: folder.id } } }),
    await otherUser.call('OPTIONS', `/files/${file.id}/content`, { body: {} }),
  ]) {
    assertRejected(answer, 404, 'not_found');
  }
  assert.equal((await otherUser.get('/folders/0/items')).json.total_count, 0);
});
