import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api } from '../support/api.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { upload } from './forms.ts';

let server: TestServer;
let api: Api;

before(async () => {
  server = await startServer({ env: { PARTWAY_MAX_FILE_SIZE: '1000000' } });
  api = new Api(server);
});
after(() => server[Symbol.asyncDispose]());

function assertRejected(answer: { status: number; json: { code: string } }, status: number, code: string) {
  assert.deepEqual([answer.status, answer.json.code], [status, code]);
}

test('a request with fields gets type, id, etag and these fields of a file, and nothing else', async () => {
  const file = await upload(api, 'fields.tar.gz', 'a');

  const { json } = await api.get(`/files/${file.id}?fields=size,name,extension,item_status`);

  const asked = { size: 1, name: 'fields.tar.gz', extension: 'gz', item_status: 'active' };
  assert.deepEqual(json, { type: 'file', id: file.id, etag: '0', ...asked });
});

test('If-None-Match gets 304 if the client has the current state', async () => {
  const file = await upload(api, 'known.txt', 'a');
  const get = (tag: string) => api.get(`/files/${file.id}`, { headers: { 'if-none-match': tag } });

  assert.deepEqual([(await get('"0"')).status, (await get('0')).text], [304, '']);
  for (const tags of ['*', 'W/"0"', '"7" , W/"0"', '7,0']) assert.equal((await get(tags)).status, 304, tags);
  for (const tags of ['1', '""', '"7", "8"', '"0 0"']) assert.equal((await get(tags)).status, 200, tags);
});

test('a deleted file is in the trash: its metadata can be read, its content cannot, and its name is free', async () => {
  const file = await upload(api, 'deleted.txt', 'a');

  assertRejected(await api.delete(`/files/${file.id}`, { 'if-match': '9' }), 412, 'precondition_failed');
  const answer = await api.delete(`/files/${file.id}`, { 'if-match': '0', 'content-type': 'application/json' });

  assert.deepEqual([answer.status, answer.text], [204, '']);
  const { status, json } = await api.get(`/files/${file.id}`);
  assert.deepEqual([status, json.item_status, json.etag], [200, 'trashed', '1']);
  assert.match(json.trashed_at, /Z$/);
  assertRejected(await api.get(`/files/${file.id}/content`), 404, 'trashed');
  assertRejected(await api.delete(`/files/${file.id}`), 404, 'trashed');
  assert.notEqual((await upload(api, 'deleted.txt', 'b')).id, file.id);
});

test('an ID that belongs to no file is not found, whatever it looks like', async () => {
  for (const id of ['12345', '0', '-1', 'x', '1e3', '00012', '9'.repeat(30), '%2e%2e', '%00']) {
    assertRejected(await api.get(`/files/${id}`), 404, 'not_found');
    assertRejected(await api.get(`/folders/${id}5x`), 404, 'not_found');
  }
  const folder = (await api.post('/folders', { name: 'folder', parent: { id: '0' } })).json;
  const file = await upload(api, 'file', 'a');
  assertRejected(await api.get(`/files/${folder.id}`), 404, 'not_found');
  assertRejected(await api.get(`/folders/${file.id}`), 404, 'not_found');
});

test('a preflight for a new file returns the upload URL, under the prefix that was used', async () => {
  for (const prefix of ['/2.0', '/api/2.0', '/upload.box.com/api/2.0']) {
    const client = new Api(server, prefix);
    for (const [path, size] of [
      ['/files/content', 5],
      ['/files/content/', undefined],
      ['/files/content', null],
    ] as const) {
      const answer = await client.call('OPTIONS', path, { body: { name: 'free', parent: { id: '0' }, size } });

      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.json, { upload_url: `${server.url}${prefix}/files/content`, upload_token: null });
    }
  }
});

test('a preflight fails with the same errors as an upload', async () => {
  const file = await upload(api, 'there.txt', 'a');
  await upload(api, 'too.txt', 'a');
  const check = (path: string, body: unknown, headers = {}) => api.call('OPTIONS', path, { body, headers });
  const place = { name: 'new', parent: { id: '0' } };
  const version = `/files/${file.id}/content`;

  for (const size of [-1, 1.5, '5']) {
    assertRejected(await check('/files/content', { ...place, size }), 400, 'invalid_file_size');
    assertRejected(await check(version, { size }), 400, 'invalid_file_size');
  }
  assertRejected(await check('/files/content', { ...place, size: 1_000_001 }), 403, 'file_size_limit_exceeded');
  assertRejected(await check(version, { size: 1_000_001 }), 403, 'file_size_limit_exceeded');
  assertRejected(await check('/files/content', { ...place, name: 'a ' }), 400, 'item_name_invalid');
  assertRejected(await check('/files/content', { ...place, parent: { id: '12345' } }), 404, 'not_found');
  assertRejected(await check('/files/content', { name: 'new' }), 400, 'missing_destination');
  const taken = await check('/files/content', { ...place, name: 'THERE.txt' });
  assertRejected(taken, 409, 'item_name_in_use');
  assert.equal(taken.json.context_info.conflicts.id, file.id);
  assertRejected(await check(version, { name: 'too.txt' }), 409, 'item_name_in_use');
  assertRejected(await check('/files/12345/content', { name: 'too.txt' }), 404, 'not_found');
  assertRejected(await check(version, {}, { 'if-match': '3' }), 412, 'precondition_failed');
});

test('a preflight for a new version returns the upload URL', async () => {
  const file = await upload(api, 'version.txt', 'a');

  for (const body of [{}, { name: 'version.txt', size: 3, parent: { id: '0' } }, { name: 'VERSION.txt', size: null }]) {
    const answer = await api.call('OPTIONS', `/files/${file.id}/content/`, { body });

    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.upload_url, `${server.url}/2.0/files/${file.id}/content`);
  }
});

test('the user of a token can see their space, their limits and, on request, their enterprise', async () => {
  const { json: before } = await api.get('/users/me');
  await upload(api, 'space.txt', '12345');
  const { status, json: me } = await api.get('/users/me');

  assert.equal(status, 200);
  assert.deepEqual([me.type, me.max_upload_size, me.space_used - before.space_used], ['user', 1_000_000, 5]);
  assert.ok(me.space_amount > me.space_used);
  assert.match(me.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const { json } = await api.get('/users/me?fields=enterprise,login');
  const enterprise = { type: 'enterprise', id: '1', name: 'Partway' };
  assert.deepEqual(json, { type: 'user', id: me.id, enterprise, login: me.login });
});
