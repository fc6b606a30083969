import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addApp, addUser, tokenOf } from '../support/accounts.ts';
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

async function makeFolder(name: string, parent = '0') {
  const answer = await api.post('/folders', { name, parent: { id: parent } });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

function assertRefused(answer: { status: number; json: { code: string; type: string } }, status: number, code: string) {
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

test('a new folder has the shape that clients parse', async () => {
  const outer = await makeFolder('outer');
  const folder = await makeFolder('inner', outer.id);

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

test('with fields, type, id and etag come with what was asked for, and nothing else', async () => {
  const folder = await makeFolder('fields');

  const { json } = await api.get(`/folders/${folder.id}?fields=name,item_status,no_such_field`);

  assert.deepEqual(json, { type: 'folder', id: folder.id, etag: '0', name: 'fields', item_status: 'active' });
});

test('a second folder of the same name is refused, with the first in an array', async () => {
  const folder = await makeFolder('Twice');

  const answer = await api.post('/folders', { name: 'tWICE', parent: { id: '0' } });

  assertRefused(answer, 409, 'item_name_in_use');
  assert.deepEqual(answer.json.context_info.conflicts, [
    { type: 'folder', id: folder.id, sequence_id: '0', etag: '0', name: 'Twice' },
  ]);
});

test('a folder without a name, with a bad one, or in a folder that is not there is refused', async () => {
  const post = (body: unknown) => api.post('/folders', body);

  assertRefused(await post({ parent: { id: '0' } }), 400, 'bad_request');
  assertRefused(await post({ name: 'a' }), 400, 'bad_request');
  assertRefused(await post({ name: 'a/b', parent: { id: '0' } }), 400, 'item_name_invalid');
  assertRefused(await post({ name: 'a'.repeat(256), parent: { id: '0' } }), 400, 'item_name_too_long');
  assertRefused(await post({ name: 'a', parent: { id: '12345' } }), 404, 'not_found');
  assertRefused(await post({ name: 'a', parent: { id: '../1' } }), 400, 'invalid_folder_id');
  assertRefused(await post('{"name":'), 400, 'bad_request');
});

test('the items of a folder come by offset, folders first, each of them active', async () => {
  const folder = await makeFolder('by offset');
  const file = await upload(api, 'a.txt', 'a', folder.id);
  const inner = await makeFolder('z', folder.id);

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

test('the items of a folder come by marker until there is none', async () => {
  const folder = await makeFolder('by marker');
  for (const name of ['c', 'ä', 'b']) await upload(api, name, name, folder.id);

  const first = await api.get(`/folders/${folder.id}/items?usemarker=true&limit=2`);
  const marker = encodeURIComponent(first.json.next_marker);
  const second = await api.get(`/folders/${folder.id}/items?usemarker=true&limit=2&marker=${marker}`);

  const names = [...first.json.entries, ...second.json.entries].map(({ name }) => name);
  assert.deepEqual(names, ['b', 'c', 'ä']);
  assert.ok(Array.isArray(first.json.order));
  assert.ok(!('next_marker' in second.json));
  assertRefused(await api.get(`/folders/${folder.id}/items?marker=made-up`), 400, 'bad_request');
  assertRefused(await api.get(`/folders/${folder.id}/items?limit=x`), 400, 'invalid_limit');
  assertRefused(await api.get(`/folders/${folder.id}/items?offset=-1`), 400, 'invalid_offset');
});

test('a folder goes to the trash: its name is free, and it and what was in it are gone', async () => {
  const folder = await makeFolder('to be deleted');
  const file = await upload(api, 'a.txt', 'a', folder.id);

  assertRefused(await api.delete(`/folders/${folder.id}`), 400, 'folder_not_empty');
  const answer = await api.delete(`/folders/${folder.id}?recursive=true`);

  assert.deepEqual([answer.status, answer.text], [204, '']);
  assertRefused(await api.get(`/folders/${folder.id}`), 404, 'trashed');
  assertRefused(await api.get(`/folders/${folder.id}/items`), 404, 'trashed');
  assertRefused(await api.delete(`/folders/${folder.id}`), 404, 'trashed');
  assert.equal((await api.get(`/files/${file.id}`)).json.item_status, 'trashed');
  assertRefused(await api.get(`/files/${file.id}/content`), 404, 'trashed');
  await makeFolder('to be deleted');
});

test('the root folder cannot be deleted', async () => {
  const answer = await api.delete('/folders/0?recursive=true');

  assertRefused(answer, 403, 'access_denied_insufficient_permissions');
});

test('if-match and if-none-match hold folders to the state they name', async () => {
  const folder = await makeFolder('held');
  const get = (tag: string) => api.get(`/folders/${folder.id}`, { headers: { 'if-none-match': tag } });

  assert.deepEqual([(await get('0')).status, (await get('"0"')).text, (await get('1')).status], [304, '', 200]);
  for (const tags of ['*', 'W/"0"', '"7", "0"']) assert.equal((await get(tags)).status, 304, tags);
  for (const tags of ['1', '"1", "2"']) {
    assertRefused(await api.delete(`/folders/${folder.id}`, { 'if-match': tags }), 412, 'precondition_failed');
  }
  assertRefused(await api.delete('/folders/12345', { 'if-match': '1' }), 412, 'precondition_failed');
  assert.equal((await api.delete(`/folders/${folder.id}`, { 'if-match': '"9", "0"' })).status, 204);
});

test("another user's folders and files are not there, under any call", async () => {
  const folder = await makeFolder('private');
  const file = await upload(api, 'private.txt', 'secret', folder.id);
  const app = await addApp(server);
  const token = await tokenOf(server, app, await addUser(server, 'stranger@partway.test'));
  const stranger = new Api({ url: server.url, token });

  for (const answer of [
    await stranger.get(`/folders/${folder.id}`),
    await stranger.get(`/folders/${folder.id}/items`),
    await stranger.delete(`/folders/${folder.id}?recursive=true`),
    await stranger.post('/folders', { name: 'mine', parent: { id: folder.id } }),
    await stranger.get(`/files/${file.id}`),
    await stranger.get(`/files/${file.id}/content`),
    await stranger.delete(`/files/${file.id}`),
    await stranger.call('OPTIONS', '/files/content', { body: { name: 'a', parent: { id: folder.id } } }),
    await stranger.call('OPTIONS', `/files/${file.id}/content`, { body: {} }),
  ]) {
    assertRefused(answer, 404, 'not_found');
  }
  assert.equal((await stranger.get('/folders/0/items')).json.total_count, 0);
});
