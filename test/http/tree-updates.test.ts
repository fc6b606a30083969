import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addApp, addUser, getUserToken } from '../support/accounts.ts';
import { Api, type ApiResponse } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { attributes, filePart, form, sendForm, upload } from './forms.ts';

let server: TestServer;
let api: Api;
let otherUser: Api;

before(async () => {
  server = await startServer();
  api = new Api(server);
  const app = await addApp(server);
  otherUser = new Api({
    url: server.url,
    token: await getUserToken(server, app, await addUser(server, 'other@partway.test')),
  });
});
after(() => server[Symbol.asyncDispose]());

function assertRejected(answer: ApiResponse, status: number, code: string) {
  assert.deepEqual([answer.status, answer.json?.type, answer.json?.code], [status, 'error', code], answer.text);
}

const put = (path: string, body: unknown, headers = {}, client = api) => client.call('PUT', path, { body, headers });

async function createFolder(name: string, parent = '0') {
  const answer = await api.post('/folders', { name, parent: { id: parent } });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

test('a file can be renamed, described, dated and moved in one call, which returns its new state', async () => {
  const file = await upload(api, 'update.txt', 'a');
  const folder = await createFolder('update');
  const modified = '2020-01-02T03:04:05Z';

  const { status, json } = await put(`/files/${file.id}`, {
    name: 'updated.txt',
    description: 'said',
    parent: { id: folder.id },
    content_modified_at: '2020-01-02T04:04:05+01:00',
    tags: ['a tag'],
  });

  assert.equal(status, 200);
  assert.deepEqual(
    [json.id, json.name, json.description, json.parent.id, json.content_modified_at, json.etag],
    [file.id, 'updated.txt', 'said', folder.id, modified, '1'],
  );
  assert.deepEqual((await api.get(`/files/${file.id}`)).json, json);
  assert.equal((await put(`/files/${file.id}`, { name: null, parent: null, description: null })).json.etag, '1');
});

test('an update with fields returns those fields', async () => {
  const file = await upload(api, 'fields.txt', 'a');
  const { json } = await put(`/files/${file.id}?fields=content_modified_at`, {
    content_modified_at: '2020-01-02T03:04:05Z',
  });
  assert.deepEqual(json, { type: 'file', id: file.id, etag: '1', content_modified_at: '2020-01-02T03:04:05Z' });
});

test('an invalid update is rejected and changes nothing', async () => {
  const file = await upload(api, 'refused.txt', 'a');
  const other = await upload(api, 'taken.txt', 'a');
  const folder = await createFolder('refused');
  const path = `/files/${file.id}`;

  const taken = await put(path, { name: 'TAKEN.txt' });
  assertRejected(taken, 409, 'item_name_in_use');
  assert.equal(taken.json.context_info.conflicts.id, other.id);
  const takenFolder = await put(`/folders/${folder.id}`, { name: 'taken.txt' });
  assertRejected(takenFolder, 409, 'item_name_in_use');
  assert.equal(takenFolder.json.context_info.conflicts[0].id, other.id);
  assertRejected(await put(path, { name: 'a/b' }), 400, 'item_name_invalid');
  assertRejected(await put(path, { name: 5 }), 400, 'item_name_invalid');
  assertRejected(await put(path, { parent: { id: '12345' } }), 404, 'not_found');
  assertRejected(await put(path, { parent: { id: 'x' } }), 400, 'invalid_folder_id');
  assertRejected(await put(path, { content_modified_at: 'yesterday' }), 400, 'bad_request');
  assertRejected(await put(path, { description: 'x'.repeat(257) }), 400, 'bad_request');
  assertRejected(await put(path, { shared_link: { access: 'open' } }), 400, 'bad_request');
  assertRejected(await put(path, undefined), 400, 'bad_request');
  assertRejected(await put(path, { name: 'b' }, { 'if-match': '3' }), 412, 'precondition_failed');
  assertRejected(await put('/files/12345', { name: 'b' }, { 'if-match': '3' }), 412, 'precondition_failed');
  assertRejected(await put('/files/12345', { name: 'b' }), 404, 'not_found');
  assert.equal((await api.get(path)).json.etag, '0');
});

test('a folder can be renamed, described and moved, but not into itself, and the root folder cannot be changed', async () => {
  const outer = await createFolder('outer');
  const inner = await createFolder('inner', outer.id);
  const other = await createFolder('other');

  assertRejected(await put(`/folders/${outer.id}`, { parent: { id: inner.id } }), 400, 'cyclical_folder_structure');
  assertRejected(await put('/folders/0', { name: 'mine' }), 403, 'access_denied_insufficient_permissions');
  assertRejected(await put(`/folders/${outer.id}`, { name: 'x' }, { 'if-match': '7' }), 412, 'precondition_failed');
  const { status, json } = await put(
    `/folders/${inner.id}`,
    { name: 'moved', description: 'said', parent: { id: other.id } },
    { 'if-match': '0' },
  );

  assert.equal(status, 200);
  assert.deepEqual([json.name, json.description, json.parent.id, json.etag], ['moved', 'said', other.id, '1']);
  assert.deepEqual(
    json.path_collection.entries.map(({ name }: { name: string }) => name),
    ['All Files', 'other'],
  );
});

test('a lock shows who holds it and until when, and is removed with null', async () => {
  const file = await upload(api, 'locked.txt', 'a');
  const path = `/files/${file.id}?fields=lock`;
  const me = (await api.get('/users/me?fields=name,login')).json;

  const { json } = await put(path, {
    lock: { access: 'lock', expires_at: '2099-01-01T00:00:00Z', is_download_prevented: true },
  });
  const { id, created_at: createdAt, ...lock } = json.lock;
  assert.deepEqual(lock, {
    type: 'lock',
    created_by: { type: 'user', id: me.id, name: me.name, login: me.login },
    expires_at: '2099-01-01T00:00:00Z',
    expired_at: '2099-01-01T00:00:00Z',
    is_download_prevented: true,
    app_type: null,
  });
  assert.match(id, /^\d+$/);
  assert.match(createdAt, /Z$/);
  const listed = (await api.get('/folders/0/items?fields=lock&limit=1000')).json.entries;
  assert.equal(listed.find((entry: { id: string }) => entry.id === file.id).lock.id, id);
  assert.equal((await api.get(`/files/${file.id}/content`)).status, 302);

  assert.equal((await put(path, { lock: { type: 'lock' } })).json.lock.expires_at, null);
  assertRejected(await put(path, { lock: { expires_at: 'soon' } }), 400, 'bad_request');
  assert.equal((await put(path, { lock: null })).json.lock, null);
  assert.equal((await api.get(path)).json.lock, null);
});

test('a copy is a new file or folder, with its own name or a new one', async () => {
  const folder = await createFolder('copied');
  const file = await upload(api, 'copied.txt', 'one', folder.id);
  await sendForm(api, `/files/${file.id}/content`, form(attributes({}), filePart('two')));

  const copy = await api.post(`/files/${file.id}/copy`, { parent: { id: '0' }, name: 'copy.txt' });
  assert.equal(copy.status, 201, copy.text);
  assert.deepEqual([copy.json.name, copy.json.parent.id, copy.json.etag, copy.json.size], ['copy.txt', '0', '0', 3]);
  assert.equal(String(await api.download(copy.json.id)), 'two');
  const past = { parent: { id: '0' }, version: file.file_version.id };
  assert.equal(String(await api.download((await api.post(`/files/${file.id}/copy`, past)).json.id)), 'one');

  const folderCopy = await api.post(`/folders/${folder.id}/copy?fields=name,item_collection,size`, {
    parent: { id: '0' },
    name: 'copy of folder',
  });
  assert.equal(folderCopy.status, 201, folderCopy.text);
  assert.deepEqual([folderCopy.json.name, folderCopy.json.size], ['copy of folder', 3]);
  assert.equal(folderCopy.json.item_collection.total_count, 1);
  const again = await api.post(`/folders/${folder.id}/copy`, { parent: { id: '0' }, name: 'Copy of Folder' });
  assertRejected(again, 409, 'item_name_in_use');
});

test('an invalid copy is rejected', async () => {
  const folder = await createFolder('not copied');
  const file = await upload(api, 'not copied.txt', 'one', folder.id);
  const copy = (path: string, body: unknown) => api.post(`${path}/copy`, body);
  const root = { parent: { id: '0' } };

  assertRejected(await copy(`/files/${file.id}`, { parent: { id: folder.id } }), 409, 'item_name_in_use');
  assertRejected(await copy(`/files/${file.id}`, {}), 400, 'missing_destination');
  assertRejected(await copy(`/files/${file.id}`, { ...root, version: '12345' }), 404, 'not_found');
  assertRejected(await copy('/files/12345', root), 404, 'not_found');
  assertRejected(
    await copy('/folders/0', { parent: { id: folder.id } }),
    403,
    'access_denied_insufficient_permissions',
  );
  assertRejected(await copy(`/folders/${folder.id}`, { parent: { id: folder.id } }), 400, 'cyclical_folder_structure');
});

test("another user's files and folders cannot be changed or copied", async () => {
  const folder = await createFolder('mine');
  const file = await upload(api, 'mine.txt', 'a', folder.id);
  for (const path of [`/files/${file.id}`, `/folders/${folder.id}`]) {
    assertRejected(await put(path, { name: 'theirs' }, {}, otherUser), 404, 'not_found');
    assertRejected(await put(path, { parent: { id: '0' } }, {}, otherUser), 404, 'not_found');
    assertRejected(await otherUser.post(`${path}/copy`, { parent: { id: '0' } }), 404, 'not_found');
  }
  const otherFolder = (await otherUser.post('/folders', { name: 'theirs', parent: { id: '0' } })).json;
  assertRejected(await put(`/files/${file.id}`, { parent: { id: otherFolder.id } }), 404, 'not_found');
});
